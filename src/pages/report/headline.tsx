import { fileSize, grouped, milliseconds, short } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { formatScore } from '../../tasks/score.ts';
import { change, qualityOf, titled } from '../shared/scores.ts';
import { baselineOf, finalModel, latencyOf, runQuality, times } from './figures.ts';

/** The numbers that matter: before and after, as large figures. */
export function Headline({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  const after = finalModel(run);
  if (after === undefined) return null;
  const dense = baselineOf(runs, run);
  const before = dense ? finalModel(dense)! : run.models[0]!;
  // The model as it began may not be here, but its sizes are known.
  const units = dense ? before.hidden : (run.began ?? before.hidden);
  const [began, ended] = [units, after.hidden].map((all) => all.reduce((a, b) => a + b, 0)) as [number, number];
  const against = dense
    ? `the dense run ${dense.name}`
    : BEGINNINGS.includes(before.name)
      ? 'the model as it began'
      : 'the trained model';
  return (
    <ul class="headline">
      <Quality run={run} before={before} />
      <Figure
        label="Hidden units"
        before={unitsText(units)}
        after={unitsText(after.hidden)}
        remark={units.join() === after.hidden.join() ? '' : `${((100 * ended) / began).toFixed(0)} % left`}
      />
      <Figure
        label="Parameters"
        before={short(before.parameters)}
        after={short(after.parameters)}
        remark={before === after ? '' : `${times(before.parameters, after.parameters)} fewer, against ${against}`}
      />
      <Figure
        label="Model file"
        before={fileSize(before.bytes)}
        after={fileSize(after.bytes)}
        remark={before === after ? '' : `${times(before.bytes, after.bytes)} smaller`}
      />
      <Latency before={before} after={after} />
    </ul>
  );
}

/** Layers whose units are listed one by one. */
const MOST_LISTED = 4;

/** Units layer by layer, or of all layers together where there are many. */
function unitsText(units: readonly number[]): string {
  if (units.length <= MOST_LISTED) return units.join(' + ');
  return `${grouped(units.reduce((a, b) => a + b, 0))} in ${units.length} layers`;
}

/** Names of models that nobody has trained here. */
const BEGINNINGS = ['as it began', 'original'];

/** The deciding score, also of what the run is compared with where that has one; the model as it began has none. */
function Quality({ run, before }: { run: ReportRun; before: ReportModel }) {
  const is = runQuality(run);
  const after = finalModel(run);
  if (is === undefined || after === undefined) return null;
  const { kind } = is;
  const old = before === after ? undefined : qualityOf(before.scores, [kind]);
  const was = old?.name === is.name ? old.value : undefined;
  const test = after.scores.test?.[kind.name];
  const remarks = [
    was === undefined ? '' : change(kind, was, is.value),
    test === undefined || is.name.startsWith('test') ? '' : `test ${formatScore(kind, test)}`,
  ];
  return (
    <Figure
      label={titled(is.name)}
      before={was === undefined ? undefined : formatScore(kind, was)}
      after={formatScore(kind, is.value)}
      remark={remarks.filter((text) => text !== '').join(', ')}
    />
  );
}

function Latency({ before, after }: { before: ReportModel; after: ReportModel }) {
  const timed = after.latencies[0];
  const was = timed && latencyOf(before, timed.batch, timed.runtime);
  if (timed === undefined || was === undefined) return null;
  return (
    <Figure
      label={`Latency, batch ${timed.batch}`}
      before={milliseconds(was)}
      after={milliseconds(timed.median)}
      remark={before === after ? '' : `${times(was, timed.median)} faster`}
    />
  );
}

interface FigureProps extends Readonly<Record<'label' | 'after' | 'remark', string>> {
  readonly before?: string | undefined;
}

function Figure({ label, before, after, remark }: FigureProps) {
  return (
    <li class="card figure">
      <div class="quiet small">{label}</div>
      <div class="value">
        {before !== undefined && before !== after && (
          <>
            <span class="quiet">{before}</span>
            <span class="quiet" aria-hidden="true">
              {' → '}
            </span>
            <span class="visually-hidden"> to </span>
          </>
        )}
        <strong>{after}</strong>
      </div>
      <div class="quiet small">{remark}</div>
    </li>
  );
}
