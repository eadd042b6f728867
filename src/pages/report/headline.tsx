import { fileSize, short } from '../../base/format.ts';
import type { ReportModel, ReportRun } from '../../report/data.ts';
import { baselineOf, change, finalModel, latencyOf, milliseconds, qualityOf, times } from './figures.ts';

/** The numbers that matter: before and after, as large figures. */
export function Headline({ run, runs }: { run: ReportRun; runs: readonly ReportRun[] }) {
  const after = finalModel(run);
  if (after === undefined) return null;
  const dense = baselineOf(runs, run);
  const before = dense ? finalModel(dense)! : run.models[0]!;
  const said = dense ? `against the dense run ${dense.name}` : 'against the model as it began';
  return (
    <ul class="headline">
      <Quality before={dense || before.name !== 'as it began' ? before : undefined} after={after} />
      <Figure
        label="Hidden units"
        before={before.hidden.join(' + ')}
        after={after.hidden.join(' + ')}
        remark={before === after ? '' : `${shareLeft(before, after)} left`}
      />
      <Figure
        label="Parameters"
        before={short(before.parameters)}
        after={short(after.parameters)}
        remark={before === after ? '' : `${times(before.parameters, after.parameters)} fewer, ${said}`}
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

function Quality({ before, after }: { before: ReportModel | undefined; after: ReportModel }) {
  const is = qualityOf(after);
  if (is === undefined) return null;
  const was = before && before !== after ? qualityOf(before)?.value : undefined;
  const label = `${is.name.charAt(0).toUpperCase()}${is.name.slice(1)}`;
  const figure = (value: number) => value.toFixed(is.name.endsWith('perplexity') ? 2 : 4);
  const test = after.testPerplexity === undefined ? '' : `test ${after.testPerplexity.toFixed(2)}`;
  const remarks = [was === undefined ? '' : change(was, is.value), test].filter((text) => text !== '');
  return (
    <Figure
      label={label}
      before={was === undefined ? undefined : figure(was)}
      after={figure(is.value)}
      remark={remarks.join(', ')}
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

interface FigureProps {
  readonly label: string;
  readonly before?: string | undefined;
  readonly after: string;
  readonly remark: string;
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

function shareLeft(before: ReportModel, after: ReportModel): string {
  const sum = (units: readonly number[]) => units.reduce((a, b) => a + b, 0);
  return `${((100 * sum(after.hidden)) / sum(before.hidden)).toFixed(0)} %`;
}
