import type { ReportRun } from '../../report/data.ts';
import { formatScore } from '../../tasks/score.ts';
import { ConfigTable, said } from '../shared/configTable.tsx';
import { ConfusionMatrix } from '../shared/confusionMatrix.tsx';
import { CourseCharts } from '../shared/courseCharts.tsx';
import { ModelTable } from '../shared/modelTable.tsx';
import { NormHistograms } from '../shared/normHistogram.tsx';
import { type Quality, qualityOf, titled } from '../shared/scores.ts';
import { baselineOf, finalModel, runQuality } from './figures.ts';
import { Headline } from './headline.tsx';
import { SpeedupChart } from './latencyChart.tsx';
import { TopologySection } from './topologySection.tsx';
import { WeightMapView } from './weightMapView.tsx';

/** All that a report says of one run. */
export function RunSection({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  const dense = baselineOf(runs, run);
  const before = dense && finalModel(dense);
  const began = run.models[0];
  const confusion = finalModel(run)?.details?.confusion;
  return (
    <>
      <Origin run={run} />
      <Headline run={run} runs={runs} />
      <h3 class="part">Models</h3>
      <ModelTable
        models={[
          ...(before ? [{ label: `dense (${dense.name})`, model: before }] : []),
          ...run.models.map((model) => ({ label: model.name, model })),
        ]}
        scores={run.scores}
      />
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
            <span class="swatch small-weight" /> small <span class="swatch large-weight" /> large. Lines part gates and
            layers. A point that stands for several weights has their colours mixed.
          </p>
          <div class="maps-grid">
            {run.maps.map((map) => (
              <WeightMapView key={map.name} map={map} />
            ))}
          </div>
        </>
      )}
      {run.config && <ConfigTable config={run.config} />}
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
        ? `On ${batches} batches the slim model gives the same outputs to the last bit.`
        : `On ${batches} batches the outputs of the slim model differ by ${maxAbsDifference.toExponential(1)} at most (${maxRelativeDifference.toExponential(1)} relative).`}
      {was && is && was.name === is.name && ` ${titled(is.name)} before and after: ${exact(was)} and ${exact(is)}.`}
    </p>
  );
}
