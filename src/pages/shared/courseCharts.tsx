import { counted, duration, grouped, rounded } from '../../base/format.ts';
import { formatScore, type ScoreKind } from '../../tasks/score.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import { axisOf, epochTicks, percentLabels, powerLabel } from './axis.ts';
import { Chart, type Colors, linearAxis } from './chart.tsx';
import { titled } from './scores.ts';

/** A line of a chart over epochs. */
interface Course {
  readonly name: string;
  readonly points: readonly (readonly [epoch: number, value: number])[];
  readonly dashed?: boolean;
}

interface CourseChartsProps {
  readonly rows: readonly EpochMetrics[];
  readonly layers: readonly string[];
  /** Scores of the task, the deciding one first, and what it counts: 'tokens', 'examples'. */
  readonly scores: readonly ScoreKind[];
  readonly items: string;
}

/** Why a model has more units than are alive. */
const LAST_UNIT = ' A layer keeps its last unit though nothing reads it.';

/** How a training went: units alive and scores side by side, then learning rate, penalty and speed. */
export function CourseCharts({ rows, layers, scores, items }: CourseChartsProps) {
  const last = rows.at(-1);
  if (last === undefined) return <p class="quiet">No epoch is finished yet.</p>;
  const total = rows.reduce((sum, row) => sum + row.seconds, 0);
  const charts: EpochChartProps[] = [
    {
      title: 'Units alive',
      note: `After ${counted(last.epoch, 'epoch')}: ${last.alive.join(' + ')}.${last.alive.includes(0) ? LAST_UNIT : ''}`,
      courses: layers.map((name, i) => courseOf(name, rows, (row) => row.alive[i])),
      fromZero: true,
      whole: true,
    },
    ...scores.map((kind) => scoreChart(kind, rows)),
    {
      title: 'Learning rate',
      courses: [courseOf('learning rate', rows, (row) => row.learningRate)],
      isLog: rows.every((row) => row.learningRate > 0),
      fromZero: true,
    },
    {
      title: 'Penalty',
      note: 'Mean over the epoch of what the sparsity method adds to the loss.',
      courses: rows.some((row) => row.penalty > 0) ? [courseOf('penalty', rows, (row) => row.penalty)] : [],
      fromZero: true,
    },
    {
      title: `${titled(items)} per second`,
      note: `${duration(total)} of training in all.`,
      courses: [courseOf('speed', rows, (row) => row.itemsPerSecond)],
      fromZero: true,
    },
  ];
  return <EpochCharts charts={charts} />;
}

/** A score on validation and training data. */
function scoreChart(kind: ScoreKind, rows: readonly EpochMetrics[]): EpochChartProps {
  const values = rows.flatMap((row) => row.valid?.[kind.name] ?? []);
  const [extreme, best] = kind.better === 'lower' ? ['Lowest', Math.min(...values)] : ['Highest', Math.max(...values)];
  const courses = [
    courseOf('validation', rows, (row) => row.valid?.[kind.name]),
    courseOf('training', rows, (row) => row.train[kind.name], true),
  ];
  return {
    title: titled(kind.name),
    note: values.length > 0 ? `${extreme} on the validation data: ${formatScore(kind, best)}.` : undefined,
    courses: courses.filter(({ points }) => points.length > 0),
    ...scoreAxis(kind),
  };
}

/** How a chart shows the values of a score: shares in percent, figures that are to fall on a logarithmic axis. */
export function scoreAxis(kind: ScoreKind): Pick<EpochChartProps, 'isLog' | 'percent'> {
  return { isLog: kind.better === 'lower', percent: kind.isShare === true };
}

/** A line for the values that are there. */
export function courseOf(
  name: string,
  rows: readonly EpochMetrics[],
  read: (row: EpochMetrics) => number | undefined,
  dashed = false,
): Course {
  const points = rows.flatMap((row) => {
    const value = read(row);
    return value === undefined || !Number.isFinite(value) ? [] : [[row.epoch, value] as const];
  });
  return { name, points, dashed };
}

/** Charts of values against epochs; one without any is left out. */
export function EpochCharts({ charts }: { charts: readonly EpochChartProps[] }) {
  const shown = charts.filter(({ courses }) => courses.some(({ points }) => points.length > 0));
  return (
    <div class="grid">
      {shown.map((chart) => (
        <EpochChart key={chart.title} {...chart} />
      ))}
    </div>
  );
}

/** Values against epochs, a line each. */
export interface EpochChartProps {
  readonly title: string;
  readonly note?: string | undefined;
  readonly courses: readonly Course[];
  /** A logarithmic axis where the values are positive and span more than a factor of 20. */
  readonly isLog?: boolean | undefined;
  /** Values are shares of 1, shown in percent. */
  readonly percent?: boolean | undefined;
  /** The axis begins at zero, for values whose share of the whole matters. */
  readonly fromZero?: boolean;
  /** Values are counts: no tick stands between two of them. */
  readonly whole?: boolean;
}

function EpochChart({ title, note, courses, isLog, percent = false, fromZero, whole }: EpochChartProps) {
  const epochs = [...new Set(courses.flatMap(({ points }) => points.map(([epoch]) => epoch)))].sort((a, b) => a - b);
  const byEpoch = courses.map(({ points }) => new Map(points));
  const textAt = (value: number | undefined) => (value === undefined ? '–' : numberText(value, percent));
  const table = {
    head: ['epoch', ...courses.map(({ name }) => name)],
    rows: epochs.map((epoch) => [String(epoch), ...byEpoch.map((values) => textAt(values.get(epoch)))]),
  };
  const shown = (value: number) => (percent ? numberText(value, percent) : rounded(value));
  const [first, last] = [epochs[0] ?? 1, Math.max(epochs.at(-1) ?? 1, (epochs[0] ?? 1) + 1)];
  const values = courses.flatMap(({ points }) => points.map(([, value]) => value));
  const axis = axisOf(values, { fromZero, whole, most: percent ? 1 : undefined });
  const option = (_: Colors, width: number) => ({
    legend: { show: courses.length > 1 },
    grid: { top: courses.length > 1 ? 32 : 12 },
    xAxis: {
      ...{ type: 'value', min: first, max: last, name: 'epoch', splitLine: { show: false } },
      ...epochLabels(first, last, width),
    },
    yAxis: (isLog && logRange(values)) || linearAxis(axis, percent ? percentLabels(axis) : undefined),
    series: courses.map(({ name, points, dashed }) => ({
      type: 'line',
      name,
      data: points.map((p) => [...p]),
      symbolSize: points.length > 40 ? 0 : 5,
      symbol: 'circle',
      lineStyle: { width: 2, type: dashed ? 'dashed' : 'solid' },
      tooltip: { valueFormatter: (value: unknown) => (typeof value === 'number' ? shown(value) : '–') },
    })),
  });
  return <Chart title={title} note={note} table={table} option={option} />;
}

/** A value to six digits, or in percent. */
function numberText(value: number, percent: boolean): string {
  if (percent) return `${(value * 100).toFixed(2)} %`;
  return Number.isInteger(value) ? grouped(value) : String(Number(value.toPrecision(6)));
}

/** Ticks and labels of an axis of epochs. */
function epochLabels(first: number, last: number, width: number) {
  const customValues = epochTicks(first, last, width);
  return { axisTick: { customValues }, axisLabel: { customValues, formatter: String } };
}

/** Whole powers of ten around all values; undefined where that would leave an axis with one label or two. */
function logRange(values: readonly number[]) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0) || high / low < 20) return undefined;
  const [min, max] = [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high))];
  return { type: 'log', min, max, axisLabel: { formatter: powerLabel } };
}
