import { counted } from '../../base/format.ts';
import type { ReportRun } from '../../report/data.ts';
import { formatScore } from '../../tasks/score.ts';
import { ConfigTable, said } from '../shared/configTable.tsx';
import { ConfusionMatrix } from '../shared/confusionMatrix.tsx';
import { CourseCharts } from '../shared/courseCharts.tsx';
import { ModelTable } from '../shared/modelTable.tsx';
import { NormHistograms } from '../shared/normHistogram.tsx';
import { type Quality, qualityOf, titled } from '../shared/scores.ts';
import { baselineOf, finalModel, runQuality, standingOf } from './figures.ts';
import { denseLabel, Headline } from './headline.tsx';
import { SpeedupChart } from './latencyChart.tsx';
import { TopologySection } from './topologySection.tsx';
import { WeightMapView } from './weightMapView.tsx';

interface RunSectionProps {
  readonly run: ReportRun;
  readonly runs: readonly ReportRun[];
  /** Whether the report opens with the figures of this run. */
  readonly isHero: boolean;
}

/** All that a report says of one run. */
export function RunSection({ run, runs, isHero }: RunSectionProps) {
  const dense = baselineOf(runs, run);
  const before = dense && finalModel(dense);
  const began = run.models[0];
  const confusion = finalModel(run)?.details?.confusion;
  return (
    <>
      {!isHero && <Headline run={run} runs={runs} />}
      <Models run={run} dense={dense} />
      {run.verify && <Verification verify={run.verify} run={run} />}
      {run.notes.map((note) => (
        <p key={note} class="quiet small">
          {note}
        </p>
      ))}
      {(before ?? began) && <SpeedupChart run={run} before={(before ?? began)!} />}
      {confusion && (
        <>
          <h3 class="part">Confusion matrix</h3>
          <ConfusionMatrix confusion={confusion} />
        </>
      )}
      <h3 class="part">Training</h3>
      <CourseCharts rows={run.epochs} layers={run.layers} scores={run.scores} items={run.items} />
      {run.method !== 'dense' && (
        <>
          <h3 class="part">Group norms</h3>
          <NormHistograms rows={run.epochs} layers={run.layers} threshold={run.config?.threshold} />
        </>
      )}
      <TopologySection run={run} />
      {run.maps.length > 0 && (
        <>
          <h3 class="part">Weights</h3>
          <p class="quiet small legend">
            <span class="swatch removed" /> removed <span class="swatch zero" /> zero{' '}
            <span class="swatch small-weight" /> small <span class="swatch large-weight" /> large. Rows and columns are
            drawn as the shape says them. A unit that left took its rows and its columns with it, in every gate: these
            are the stripes. Thin lines part gates and layers, whose names stand beside them. A point that stands for
            several weights has their colours mixed.
          </p>
          <div class="maps-grid">
            {run.maps.map((map) => (
              <WeightMapView key={map.name} map={map} />
            ))}
          </div>
        </>
      )}
      {run.config && <ConfigTable config={run.config} />}
      <Origin run={run} />
    </>
  );
}

/** The models of a run with all their figures; of a run without one, those of its last epoch. */
function Models({ run, dense }: { run: ReportRun; dense: ReportRun | undefined }) {
  const before = dense && finalModel(dense);
  const standing = standingOf(run);
  const own =
    standing?.epoch === undefined
      ? run.models.map((model) => ({ label: model.name, model }))
      : [{ label: `after epoch ${standing.epoch}`, model: standing.model }];
  if (own.length === 0) return <p class="quiet">This run has no model, and no epoch is finished.</p>;
  const models = [...(dense && before ? [{ label: denseLabel(dense), model: before }] : []), ...own];
  return (
    <>
      <h3 class="part">Models</h3>
      <ModelTable models={models} scores={run.scores} label={`Models of ${run.name}`} />
    </>
  );
}

/** Where the figures come from: command, seed, data, machine. */
function Origin({ run }: { run: ReportRun }) {
  const { environment, data, config } = run;
  const facts = [
    run.methodLabel,
    data && `data ${data}`,
    config?.seed !== undefined && `seed ${said(config.seed)}`,
    environment && `slimrnn ${environment.slimrnn}, Node ${environment.node}`,
    environment && `${environment.machine.cores} × ${environment.machine.cpu}`,
    environment?.processes !== undefined && `${environment.processes} processes`,
    run.state !== 'finished' && `not finished: ${run.state}`,
  ].filter((fact) => typeof fact === 'string');
  return (
    <>
      <p class="quiet small">{facts.join(' · ')}</p>
      {environment && (
        <pre class="small">
          <code>{environment.command}</code>
        </pre>
      )}
    </>
  );
}

function Verification({ verify, run }: { verify: NonNullable<ReportRun['verify']>; run: ReportRun }) {
  const { maxAbsDifference, maxRelativeDifference, batches } = verify;
  const trained = run.models.find(({ name }) => name === 'trained');
  const was = trained && qualityOf(trained.scores, run.scores);
  const is = runQuality(run);
  const exact = (quality: Quality) =>
    formatScore({ ...quality.kind, decimals: quality.kind.decimals + 2 }, quality.value);
  return (
    <p class="verified">
      <strong>Verified.</strong>{' '}
      {maxAbsDifference === 0
        ? `On ${counted(batches, 'batch', 'batches')} the slim model gives the same outputs to the last bit.`
        : `On ${counted(batches, 'batch', 'batches')} the outputs of the slim model differ by ${maxAbsDifference.toExponential(1)} at most (${maxRelativeDifference.toExponential(1)} relative).`}
      {was && is && was.name === is.name && ` ${titled(is.name)} before and after: ${exact(was)} and ${exact(is)}.`}
    </p>
  );
}
