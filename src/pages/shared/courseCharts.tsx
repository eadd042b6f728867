import type { EChartsCoreOption } from 'echarts/core';
import { duration, grouped, rounded } from '../../base/format.ts';
import type { EpochRow } from '../../runs/record.ts';
import { axisStyle, epochAxis, tickLabel } from './axes.ts';
import { Chart } from './chart.tsx';
import type { Colors } from './colors.ts';

/** What the charts of a training read of an epoch: of a language model, or of a model that is fine-tuned. */
export type CourseRow = Omit<EpochRow, 'parameters' | 'groupNorms'>;

/** A line of a chart over epochs. */
interface Course {
  readonly name: string;
  readonly points: readonly (readonly [epoch: number, value: number])[];
  readonly dashed?: boolean;
}

/** How a training went: units alive and quality side by side, then learning rate, penalty and speed. */
export function CourseCharts({ rows, layers }: { rows: readonly CourseRow[]; layers: readonly string[] }) {
  const last = rows.at(-1);
  if (last === undefined) return <p class="quiet">No epoch is finished yet.</p>;
  const hasUnits = layers.length > 0 && rows.some((row) => row.alive.length > 0);
  const total = rows.reduce((sum, row) => sum + row.seconds, 0);
  const speed = last.tokensPerSecond === undefined ? 'Examples per second' : 'Tokens per second';
  return (
    <div class="grid">
      {hasUnits && (
        <EpochChart
          title="Units alive"
          note={`After ${last.epoch} epochs: ${last.alive.join(' + ')}.`}
          courses={layers.map((name, i) => courseOf(name, rows, (row) => row.alive[i]))}
          fromZero
        />
      )}
      <QualityChart rows={rows} />
      <EpochChart
        title="Learning rate"
        courses={[courseOf('learning rate', rows, (row) => row.learningRate)]}
        isLog={rows.every((row) => row.learningRate > 0)}
        fromZero
      />
      {rows.some((row) => row.penalty > 0) && (
        <EpochChart
          title="Penalty"
          note="Mean over the epoch of what the sparsity method adds to the loss."
          courses={[courseOf('penalty', rows, (row) => row.penalty)]}
          fromZero
        />
      )}
      <EpochChart
        title={speed}
        note={`${duration(total)} of training in all.`}
        courses={[courseOf('speed', rows, (row) => row.tokensPerSecond ?? row.examplesPerSecond)]}
        fromZero
      />
    </div>
  );
}

/** Perplexity where the run has it, else accuracy, else loss; training and validation. */
export function QualityChart({ rows }: { rows: readonly CourseRow[] }) {
  const has = (read: (row: CourseRow) => number | undefined) => rows.some((row) => read(row) !== undefined);
  if (has((row) => row.validPerplexity)) {
    const best = Math.min(...rows.map((row) => row.validPerplexity ?? Number.POSITIVE_INFINITY));
    return (
      <EpochChart
        title="Perplexity"
        note={`Lowest on the validation text: ${best.toFixed(2)}.`}
        courses={[
          courseOf('validation', rows, (row) => row.validPerplexity),
          courseOf('training', rows, (row) => row.trainPerplexity, true),
        ]}
        isLog
      />
    );
  }
  const isAccuracy = has((row) => row.validAccuracy);
  return (
    <EpochChart
      title={isAccuracy ? 'Accuracy' : 'Loss'}
      courses={[
        courseOf('validation', rows, (row) => (isAccuracy ? row.validAccuracy : row.validLoss)),
        courseOf('training', rows, (row) => (isAccuracy ? row.trainAccuracy : row.trainLoss), true),
      ].filter(({ points }) => points.length > 0)}
    />
  );
}

/** A line for the values that are there. */
export function courseOf<R extends { readonly epoch: number }>(
  name: string,
  rows: readonly R[],
  read: (row: R) => number | undefined,
  dashed = false,
): Course {
  const points = rows.flatMap((row) => {
    const value = read(row);
    return value === undefined || !Number.isFinite(value) ? [] : [[row.epoch, value] as const];
  });
  return { name, points, dashed };
}

interface EpochChartProps {
  readonly title: string;
  readonly note?: string;
  readonly courses: readonly Course[];
  readonly isLog?: boolean;
  /** The axis begins at zero, for values whose share of the whole matters. */
  readonly fromZero?: boolean;
}

/** Values against epochs, a line each. */
export function EpochChart({ title, note, courses, isLog = false, fromZero = false }: EpochChartProps) {
  const epochs = [...new Set(courses.flatMap(({ points }) => points.map(([epoch]) => epoch)))].sort((a, b) => a - b);
  const byEpoch = courses.map(({ points }) => new Map(points));
  const table = {
    head: ['epoch', ...courses.map(({ name }) => name)],
    rows: epochs.map((epoch) => [
      String(epoch),
      ...byEpoch.map((values) => {
        const value = values.get(epoch);
        return value === undefined
          ? '–'
          : Number.isInteger(value)
            ? grouped(value)
            : String(Number(value.toPrecision(6)));
      }),
    ]),
  };
  const option = (colors: Colors): EChartsCoreOption => ({
    legend: { show: courses.length > 1 },
    grid: { left: 8, right: 16, top: courses.length > 1 ? 32 : 12, bottom: 28, containLabel: true },
    xAxis: epochAxis(colors, epochs.at(-1) ?? 1),
    yAxis: {
      ...((isLog && logRange(courses)) || { type: 'value', scale: !fromZero, min: fromZero ? 0 : undefined }),
      ...axisStyle(colors),
      axisLabel: { color: colors.quiet, formatter: tickLabel, hideOverlap: true },
    },
    series: courses.map(({ name, points, dashed }) => ({
      type: 'line',
      name,
      data: points.map((p) => [...p]),
      symbolSize: points.length > 40 ? 0 : 5,
      symbol: 'circle',
      lineStyle: { width: 2, type: dashed ? 'dashed' : 'solid' },
      tooltip: { valueFormatter: (value: unknown) => (typeof value === 'number' ? rounded(value) : '–') },
    })),
  });
  return <Chart title={title} note={note} table={table} option={option} />;
}

/** Whole powers of ten around all values; undefined where that would leave an axis with one label or two. */
function logRange(courses: readonly Course[]) {
  const values = courses.flatMap(({ points }) => points.map(([, value]) => value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0) || high / low < 20) return undefined;
  return { type: 'log', min: 10 ** Math.floor(Math.log10(low)), max: 10 ** Math.ceil(Math.log10(high)) } as const;
}
