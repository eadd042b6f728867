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
  const figure = (value: number | undefined, text = grouped) => (value === undefined ? '–' : text(value));
  const timed = rows.some(({ latency }) => latency !== undefined);
  const latency = (batch: 1 | 10): Column => ({
    head: `batch ${batch}`,
    text: ({ latency: l }) => (l ? `${l[`batch${batch}`].toFixed(2)} ms (${l[`speedup${batch}`].toFixed(1)}×)` : '–'),
  });
  return [
    ...varied.map((field) => ({
      head: field === 'iss' ? 'λ' : flagName(field).slice(2),
      text: (row: SweepRow) => valueText(row.varied[field]!),
    })),
    { head: 'state', text: ({ state, collapsed }) => (collapsed ? 'collapsed' : state) },
    { head: 'epochs', text: ({ epochs }) => String(epochs) },
    ...scoreColumns(scores, rows).map((column) => ({
      head: column.head,
      text: (row: SweepRow) => scoreIn(row, column),
    })),
    { head: 'units', text: ({ hidden }) => hidden?.join(' ') ?? '–' },
    { head: 'parameters', text: ({ parameters }) => figure(parameters) },
    ...(withZeros ? [{ head: 'not zero', text: ({ nonzero }: SweepRow) => figure(nonzero) }] : []),
    { head: 'size', text: ({ bytes }) => figure(bytes, fileSize) },
    ...(timed ? [latency(1), latency(10)] : []),
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
    `${fronts.join('; ')}; finished runs that have not collapsed only.`,
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
