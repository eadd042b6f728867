import { fileSize, grouped, milliseconds, short } from '../../base/format.ts';
import type { ReportRun } from '../../report/data.ts';
import { formatScore } from '../../tasks/score.ts';
import type { TableModel } from '../shared/modelTable.tsx';
import { change, qualityOf, titled } from '../shared/scores.ts';
import { unbroken } from '../shared/text.ts';
import { baselineOf, finalModel, latencyOf, type Standing, standingOf, times } from './figures.ts';

/** The four numbers that matter, as large figures: quality, units, size and speed, before and after. */
export function Headline({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  const standing = standingOf(run);
  if (standing === undefined) return null;
  const after = standing.model;
  const dense = baselineOf(runs, run);
  const before = dense ? finalModel(dense)! : (run.models[0] ?? after);
  // The model as it began may not be here, but its sizes are known.
  const units = dense ? before.hidden : (run.began ?? before.hidden);
  const [began, ended] = [units, after.hidden].map((all) => all.reduce((a, b) => a + b, 0)) as [number, number];
  return (
    <>
      <ul class="headline">
        <Quality run={run} standing={standing} before={before} />
        <Figure
          label="Hidden units"
          before={unitsText(units)}
          after={unitsText(after.hidden)}
          remark={units.join() === after.hidden.join() ? '' : `${((100 * ended) / began).toFixed(0)} % left`}
        />
        <Size before={before} after={after} />
        <Latency before={before} after={after} />
      </ul>
      {before !== after && <p class="quiet small">{against(dense, run)}</p>}
      {standing.epoch !== undefined && (
        <p class="quiet small">
          Not finished ({run.state}): these are the figures after epoch {standing.epoch}.
        </p>
      )}
    </>
  );
}

/** What the figures before the arrows are those of. */
export function against(dense: ReportRun | undefined, run: ReportRun): string {
  if (dense) return `Against ${denseLabel(dense, 'the dense run')}.`;
  return BEGINNINGS.includes(run.models[0]?.name ?? '')
    ? 'Against the model as it began.'
    : 'Against the trained model.';
}

/** A dense run by what it is and, unless that says the same, its name. */
export function denseLabel({ name }: Pick<ReportRun, 'name'>, what = 'dense'): string {
  return name === 'dense' ? what : `${what} ${name}`;
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

interface Compared {
  readonly before: TableModel;
  readonly after: TableModel;
}

/** The deciding score, also of what the run is compared with where that has one; the model as it began has none. */
function Quality({
  run,
  standing: { model: after },
  before,
}: {
  run: ReportRun;
  standing: Standing;
  before: TableModel;
}) {
  const is = qualityOf(after.scores, run.scores);
  if (is === undefined) return null;
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

/** Parameters, and how large the file is. */
function Size({ before, after }: Compared) {
  const remarks = [
    before === after ? '' : times(before.parameters, after.parameters, 'fewer', 'more'),
    after.bytes === undefined ? '' : `file ${fileSize(after.bytes)}`,
  ];
  return (
    <Figure
      label="Parameters"
      before={short(before.parameters)}
      after={short(after.parameters)}
      remark={remarks.filter((text) => text !== '').join(', ')}
    />
  );
}

/** How long a run takes; how many multiply-adds a step takes where nothing was timed. */
function Latency({ before, after }: Compared) {
  const timed = after.latencies?.[0];
  const was = timed && latencyOf(before, timed.batch, timed.runtime);
  if (timed === undefined || was === undefined) {
    if (before.multiplyAdds === undefined || after.multiplyAdds === undefined) return null;
    return (
      <Figure
        label="Multiply-adds of a step"
        before={short(before.multiplyAdds)}
        after={short(after.multiplyAdds)}
        remark={before === after ? '' : times(before.multiplyAdds, after.multiplyAdds, 'fewer', 'more')}
      />
    );
  }
  return (
    <Figure
      label={`Latency, batch ${timed.batch}`}
      before={milliseconds(was)}
      after={milliseconds(timed.median)}
      remark={before === after ? '' : times(was, timed.median, 'faster', 'slower')}
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
            <span class="was">{unbroken(before)}</span>
            <span class="arrow" aria-hidden="true">
              {' → '}
            </span>
            <span class="visually-hidden"> to </span>
          </>
        )}
        <strong>{unbroken(after)}</strong>
      </div>
      <div class="quiet small">{unbroken(remark)}</div>
    </li>
  );
}
