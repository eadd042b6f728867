import { flagName } from '../base/fields.ts';
import { describeVaried, valueText } from '../sweep/grid.ts';
import type { SweepPlan } from '../sweep/plan.ts';
import type { SweepResult, SweepRow } from '../sweep/result.ts';
import { leavesZeros } from '../sweep/standings.ts';
import { fileSize, grouped, table } from './output.ts';
import { scoreColumns, scoreIn } from './resultText.ts';

/** What a sweep came to, for people. */
export function sweepText(result: SweepResult, plan: SweepPlan): string {
  const withZeros = plan.runs.some(({ config }) => leavesZeros(config));
  const columns = columnsOf(result, Object.keys(plan.runs[0]!.varied), withZeros);
  const cells = result.rows.map((row) => columns.map(({ text }) => text(row)));
  const heads = columns.map(({ head }) => head);
  return ['', table(heads, cells), '', ...legend(result, withZeros)].join('\n');
}

interface Column {
  readonly head: string;
  readonly text: (row: SweepRow) => string;
}

function columnsOf({ rows, scores }: SweepResult, varied: readonly string[], withZeros: boolean): Column[] {
  const optional = <T>(head: string, value: (row: SweepRow) => T | undefined, text: (value: T) => string): Column => ({
    head,
    text: (row) => {
      const found = value(row);
      return found === undefined ? '–' : text(found);
    },
  });
  const timed = rows.some(({ latency }) => latency !== undefined);
  const latency = (head: string, milliseconds: 'batch1' | 'batch10', speedup: 'speedup1' | 'speedup10') =>
    optional(
      head,
      (row) => row.latency,
      (l) => `${l[milliseconds].toFixed(2)} ms (${l[speedup].toFixed(1)}×)`,
    );
  return [
    ...varied.map((field) => ({
      head: field === 'iss' ? 'λ' : flagName(field).slice(2),
      text: (row: SweepRow) => valueText(row.varied[field]!),
    })),
    { head: 'state', text: ({ state }) => state },
    { head: 'epochs', text: ({ epochs }) => String(epochs) },
    ...scoreColumns(scores, rows).map((column) => ({
      head: column.head,
      text: (row: SweepRow) => scoreIn(row, column),
    })),
    optional(
      'units',
      (row) => row.hidden,
      (units) => units.join(' '),
    ),
    optional('parameters', (row) => row.parameters, grouped),
    ...(withZeros ? [optional('not zero', (row) => row.nonzero, grouped)] : []),
    optional('size', (row) => row.bytes, fileSize),
    ...(timed ? [latency('batch 1', 'batch1', 'speedup1'), latency('batch 10', 'batch10', 'speedup10')] : []),
    { head: 'front', text: ({ front }) => `${front.size ? 'S' : ''}${front.latency ? 'L' : ''}` },
  ];
}

function legend(result: SweepResult, withZeros: boolean): string[] {
  const { rows, rungs, untimed, latencySteps, scores } = result;
  const quality = `validation ${scores[0]!.name}`;
  const timed = rows.some(({ latency }) => latency !== undefined);
  const fronts = [
    `S: on the Pareto front of ${quality} and ${withZeros ? 'weights that are not zero' : 'parameters'}`,
    ...(timed ? [`L: on that of ${quality} and latency at batch 1`] : []),
  ];
  const reference = rows.find(({ run }) => run === result.reference);
  const steps = latencySteps === undefined ? '' : ` of ${latencySteps} steps`;
  return [
    `${fronts.join('; ')}; finished runs only.`,
    ...(timed && reference
      ? [`Latency: medians of runs${steps}, models in turn, against ${describeVaried(reference.varied)}.`]
      : []),
    ...(untimed === undefined ? [] : [`The models were not timed: ${untimed}. slimrnn bench takes sizes.`]),
    ...(rungs.length > 0
      ? [`Stopped runs show how they stood at their last rung (after epoch ${rungs.join(', ')}).`]
      : []),
    ...rows.flatMap(({ run, reason }) => (reason === undefined ? [] : [`${run}: ${reason}`])),
    `Runs, models and sweep-result.json are in ${result.directory}.`,
  ];
}
