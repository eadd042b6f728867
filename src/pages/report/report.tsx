import { rounded } from '../../base/format.ts';
import type { ReportData, ReportRun } from '../../report/data.ts';
import { differing, said, settingsOf } from '../shared/configTable.tsx';
import { DistanceMapTable } from '../shared/distanceMap.tsx';
import { Brand } from '../shared/mark.tsx';
import { ModelTable, type NamedModel } from '../shared/modelTable.tsx';
import { allScores } from '../shared/scores.ts';
import type { Column } from '../shared/table.tsx';
import { heroOf, lambdaOf, latencyOf, standingOf } from './figures.ts';
import { Hero } from './hero.tsx';
import { ParetoChart } from './paretoChart.tsx';
import { RunSection } from './runSection.tsx';

/** The whole report: what matters most, all runs side by side, then each by itself. */
export function Report({ data }: { data: ReportData }) {
  const { runs, title, madeAt, timedSteps, problems } = data;
  const hero = heroOf(runs);
  return (
    <main>
      <header class="masthead">
        <Brand />
        <span class="quiet small">report of {madeAt.slice(0, 10)}</span>
      </header>
      <h1>{title}</h1>
      {hero && <Hero run={hero} runs={runs} />}
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
        ? runs.map((run) => <RunSection key={run.id} run={run} runs={runs} isHero />)
        : runs.map((run) => (
            <details key={run.id} class="run" open={runs.length <= 3 || run === hero}>
              <summary>
                <h2>{run.name}</h2>
              </summary>
              <RunSection run={run} runs={runs} isHero={run === hero} />
            </details>
          ))}
      <footer class="quiet small">
        Made by slimrnn {data.environment.slimrnn} on {madeAt.slice(0, 10)}.
        {timedSteps !== undefined &&
          ` Latencies: medians of models timed in turn, ${timedSteps} steps a run, on ${data.environment.machine.cores} × ${data.environment.machine.cpu}.`}
      </footer>
    </main>
  );
}

/** A run in the table of all runs. */
interface ComparedRun extends NamedModel {
  readonly run: ReportRun;
  /** Of a run that is not finished. */
  readonly epoch: number | undefined;
}

function Comparison({ runs }: { runs: readonly ReportRun[] }) {
  const models = runs.flatMap((run): ComparedRun[] => {
    const standing = standingOf(run);
    return standing ? [{ label: run.name, run, model: standing.model, epoch: standing.epoch }] : [];
  });
  const timed = models.flatMap(({ model }) => model.latencies ?? [])[0];
  return (
    <section aria-labelledby="comparison">
      <h2 id="comparison">All runs</h2>
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
      <ModelTable models={models} scores={allScores(runs)} about={aboutColumns(runs)} label="All runs" />
      {models.some(({ epoch }) => epoch !== undefined) && (
        <p class="quiet small">Runs that are not finished have the figures of their last epoch.</p>
      )}
    </section>
  );
}

/** Most fields of configurations that are columns; all are in the section of each run. */
const MOST_FIELDS = 4;

/** λ, what else the runs were trained with that is not the same for all of them, and how far those came that are not finished. */
function aboutColumns(runs: readonly ReportRun[]): Column<ComparedRun>[] {
  const isSaidElsewhere = (name: string) => name.startsWith('sources') || ['method.iss', 'method.l1'].includes(name);
  const fields = differing(runs.map(({ config }) => config)).filter((name) => !isSaidElsewhere(name));
  const lambda: Column<ComparedRun> = {
    head: 'λ',
    read: ({ run }) => {
      const value = lambdaOf(run);
      return value === undefined ? undefined : rounded(value);
    },
  };
  const states: Column<ComparedRun> = {
    head: 'state',
    read: ({ run, epoch }) => {
      if (runs.every(({ state }) => state === 'finished')) return undefined;
      return epoch === undefined ? run.state : `${run.state}, epoch ${epoch}`;
    },
  };
  const varied = fields.slice(0, MOST_FIELDS).map(
    (name): Column<ComparedRun> => ({
      head: name,
      read: ({ run: { config, methodLabel } }) =>
        name === 'method' ? methodLabel : config ? said(settingsOf(config).get(name)) : undefined,
    }),
  );
  return [lambda, ...varied, states];
}
