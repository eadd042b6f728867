import type { ReportRun } from '../../report/data.ts';
import { ConfigTable, said } from '../shared/configTable.tsx';
import { CourseCharts } from '../shared/courseCharts.tsx';
import { NormHistograms } from '../shared/normHistogram.tsx';
import { baselineOf, finalModel } from './figures.ts';
import { Headline } from './headline.tsx';
import { SpeedupChart } from './latencyChart.tsx';
import { ModelTable } from './modelTable.tsx';
import { WeightMapView } from './weightMapView.tsx';

/** All that a report says of one run. */
export function RunSection({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  const dense = baselineOf(runs, run);
  const before = dense && finalModel(dense);
  const began = run.models[0];
  const threshold = run.config.threshold;
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
      />
      {run.verify && <Verification verify={run.verify} run={run} />}
      {(before ?? began) && <SpeedupChart run={run} before={(before ?? began)!} />}
      <h3 class="part">Training</h3>
      <CourseCharts rows={run.epochs} layers={run.layers} />
      {run.method !== 'dense' && (
        <>
          <h3 class="part">Group norms</h3>
          <NormHistograms
            rows={run.epochs}
            layers={run.layers}
            threshold={typeof threshold === 'number' ? threshold : undefined}
          />
        </>
      )}
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
      <ConfigTable config={run.config} />
    </>
  );
}

/** Where the figures come from: command, seed, data, machine. */
function Origin({ run }: { run: ReportRun }) {
  const { environment, data, config } = run;
  const facts = [
    run.method,
    data && `data ${data}`,
    config.seed !== undefined && `seed ${said(config.seed)}`,
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
  const trained = run.models.find(({ name }) => name === 'trained');
  const slim = finalModel(run);
  const same = verify.maxAbsDifference === 0;
  const perplexities =
    trained?.validPerplexity === undefined || slim?.validPerplexity === undefined
      ? ''
      : ` Validation perplexity before and after: ${trained.validPerplexity.toFixed(4)} and ${slim.validPerplexity.toFixed(4)}.`;
  return (
    <p class="verified">
      <strong>Verified.</strong>{' '}
      {same
        ? `On ${verify.batches} windows the slim model gives the same outputs to the last bit.`
        : `On ${verify.batches} windows the outputs of the slim model differ by ${verify.maxAbsDifference.toExponential(1)} at most (${verify.maxRelativeDifference.toExponential(1)} relative).`}
      {perplexities}
    </p>
  );
}
