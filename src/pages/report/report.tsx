import type { ReportData, ReportRun } from '../../report/data.ts';
import { DistanceMapTable } from '../shared/distanceMap.tsx';
import { ModelTable } from '../shared/modelTable.tsx';
import { allScores } from '../shared/scores.ts';
import { finalModel, latencyOf } from './figures.ts';
import { ParetoChart } from './paretoChart.tsx';
import { RunSection } from './runSection.tsx';

/** The whole report: all runs side by side, then each by itself. */
export function Report({ data }: { data: ReportData }) {
  const { runs, title, madeAt, timedSteps, problems } = data;
  return (
    <main>
      <h1>{title}</h1>
      <p class="quiet small">
        Made by slimrnn {data.environment.slimrnn} on {madeAt.slice(0, 10)}.
        {timedSteps !== undefined &&
          ` Latencies: medians of models timed in turn, ${timedSteps} steps a run, on ${data.environment.machine.cores} × ${data.environment.machine.cpu}.`}
      </p>
      {problems.map((problem) => (
        <p key={problem} class="problem" role="note">
          {problem}
        </p>
      ))}
      {runs.length > 1 && <Comparison runs={runs} />}
      {data.topologies && (
        <section aria-labelledby="topologies">
          <h2 id="topologies">Distance of topologies</h2>
          <p class="quiet small">
            What part of their connections the models do not share, with their units paired so that it is least.
          </p>
          <DistanceMapTable map={data.topologies} label="Distance of the topologies of the runs" />
        </section>
      )}
      {runs.length === 1
        ? runs.map((run) => <RunSection key={run.id} run={run} runs={runs} />)
        : runs.map((run, i) => (
            <details key={run.id} class="run" open={runs.length <= 3 || i === 0}>
              <summary>
                <h2>{run.name}</h2>
              </summary>
              <RunSection run={run} runs={runs} />
            </details>
          ))}
    </main>
  );
}

function Comparison({ runs }: { runs: readonly ReportRun[] }) {
  const models = runs.flatMap((run) => {
    const model = finalModel(run);
    return model ? [{ label: run.name, model }] : [];
  });
  const timed = models.flatMap(({ model }) => model.latencies)[0];
  return (
    <section aria-labelledby="comparison">
      <h2 id="comparison">All runs</h2>
      <ModelTable models={models} scores={allScores(runs)} />
      <div class="grid part">
        <ParetoChart runs={runs} title="Quality against size" axis="parameters" cost={(model) => model.parameters} />
        {timed && (
          <ParetoChart
            runs={runs}
            title="Quality against latency"
            axis={`ms a run, batch ${timed.batch}, ${timed.runtime}`}
            cost={(model) => latencyOf(model, timed.batch, timed.runtime)}
          />
        )}
      </div>
    </section>
  );
}
