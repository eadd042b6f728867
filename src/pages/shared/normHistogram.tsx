import type { EChartsCoreOption } from 'echarts/core';
import { useState } from 'preact/hooks';
import { rounded } from '../../base/format.ts';
import type { LogHistogram } from '../../groups/logHistogram.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import { axisStyle } from './axes.ts';
import { Chart } from './chart.tsx';
import type { Colors } from './colors.ts';

/** What the histogram reads of an epoch. */
export type NormRow = Pick<EpochMetrics, 'epoch' | 'units' | 'groupNorms'>;

/** As `logHistogram` has them; not imported, because its checks of data would come along. */
const BINS_PER_DECADE = 10;
/** Empty places between the bar of the zeros and the first bin. */
const GAP = ['', ' '];
const FIRST = 1 + GAP.length;

interface NormHistogramsProps {
  readonly rows: readonly NormRow[];
  readonly layers: readonly string[];
  /** τ of the run, if it has one. */
  readonly threshold?: number | undefined;
}

/** How the norms of each layer's groups spread, epoch by epoch (the paper's Figure 6), with zeros apart. */
export function NormHistograms({ rows, layers, threshold }: NormHistogramsProps) {
  const measured = rows.filter((row) => row.groupNorms !== undefined && row.groupNorms.length > 0);
  const [chosen, choose] = useState<number>();
  if (measured.length === 0) {
    return (
      <p class="quiet">This run has no group norms: an earlier version recorded it, or it has no layers to trace.</p>
    );
  }
  const at = Math.min(chosen ?? measured.length - 1, measured.length - 1);
  const row = measured[at]!;
  const range = rangeOf(measured, threshold);
  const first = measured[0]!.units;
  return (
    <div>
      <p class="no-print">
        <label>
          Epoch <output>{row.epoch}</output>{' '}
          <input
            type="range"
            min={0}
            max={measured.length - 1}
            value={at}
            aria-valuetext={`epoch ${row.epoch}`}
            onInput={(event) => choose(Number(event.currentTarget.value))}
          />
        </label>
      </p>
      <div class="grid">
        {row.groupNorms!.map((bins, i) => (
          <NormChart
            key={layers[i] ?? i}
            title={`Group norms of ${layers[i] ?? `layer ${i + 1}`}, epoch ${row.epoch}`}
            bins={bins}
            gone={Math.max((first[i] ?? 0) - (row.units[i] ?? 0), 0) + bins.zeros}
            range={range}
            highest={highest(measured, i)}
            threshold={threshold}
          />
        ))}
      </div>
    </div>
  );
}

interface NormChartProps {
  readonly title: string;
  readonly bins: LogHistogram;
  /** Units that are removed already, or whose group is all zero. */
  readonly gone: number;
  readonly range: readonly [from: number, to: number];
  readonly highest: number;
  readonly threshold?: number | undefined;
}

function NormChart({ title, bins, gone, range: [from, to], highest, threshold }: NormChartProps) {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const count = (bin: number) => bins.counts[bin - bins.from] ?? 0;
  const edges = (bin: number) => `${rounded(edge(bin))} to ${rounded(edge(bin + 1))}`;
  const labels = ['0', ...GAP, ...numbers.map(edges)];
  const values = [gone, ...GAP.map(() => 0), ...numbers.map(count)];
  const rows = labels.map((label, i) => [label, String(values[i])]).filter(([, value], i) => i === 0 || value !== '0');
  const left = bins.counts.reduce((sum, n) => sum + n, 0);
  const option = (colors: Colors): EChartsCoreOption => {
    const style = axisStyle(colors);
    return {
      legend: { show: false },
      grid: { left: 8, right: 16, top: 24, bottom: 28, containLabel: true },
      xAxis: {
        type: 'category',
        data: labels,
        name: '‖w‖',
        nameLocation: 'middle',
        nameGap: 24,
        ...style,
        axisLabel: {
          color: colors.quiet,
          interval: (index: number) => index === 0 || (index >= FIRST && isDecade(from + index - FIRST)),
          formatter: (_: string, index: number) => (index === 0 ? '0' : decadeLabel(from + index - FIRST)),
        },
        axisTick: { show: false },
      },
      yAxis: { type: 'value', min: 0, max: highest, ...style },
      series: [
        {
          type: 'bar',
          barCategoryGap: '8%',
          data: values.map((value, i) => (i === 0 ? zeroBar(value, colors) : value)),
          itemStyle: { color: colors.series[0] },
          ...(threshold !== undefined && threshold > 0 && { markLine: thresholdLine(threshold, from, colors) }),
        },
      ],
    };
  };
  const note = `${left} units above zero; ${gone} zero or removed (first bar).`;
  return <Chart title={title} note={note} table={{ head: ['norm', 'units'], rows }} option={option} />;
}

/** Zeros have their count beside them, since they may be more than the axis has room for. */
function zeroBar(value: number, colors: Colors) {
  const label = { show: value > 0, position: 'insideTop', distance: -14, formatter: String(value), color: colors.text };
  return { value, itemStyle: { color: colors.series[7] }, label };
}

function thresholdLine(threshold: number, from: number, colors: Colors) {
  const bin = Math.floor(Math.log10(threshold) * BINS_PER_DECADE);
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color: colors.series[1], type: 'dashed' },
    label: {
      formatter: `τ ${rounded(threshold)}`,
      color: colors.series[1],
      position: 'insideEndTop',
      rotate: 0,
      distance: [4, -8],
      align: 'left',
    },
    data: [{ xAxis: bin - from + FIRST }],
  };
}

/** All epochs share one axis, so that the bars move and the axis stays. */
function rangeOf(rows: readonly NormRow[], threshold: number | undefined): [number, number] {
  const bins = rows.flatMap((row) => row.groupNorms ?? []).filter(({ counts }) => counts.length > 0);
  const marks = threshold !== undefined && threshold > 0 ? [Math.floor(Math.log10(threshold) * BINS_PER_DECADE)] : [];
  const from = Math.min(...bins.map((b) => b.from), ...marks.map((bin) => bin - 1));
  const to = Math.max(...bins.map((b) => b.from + b.counts.length - 1), ...marks);
  return Number.isFinite(from) && Number.isFinite(to) ? [from, to] : [-20, 10];
}

/** Units in the fullest bin of a layer over all epochs; zeros may be more, and are cut off at twice of that. */
function highest(rows: readonly NormRow[], layer: number): number {
  const counts = rows.flatMap((row) => row.groupNorms?.[layer]?.counts ?? []);
  const zeros = rows.map((row) => (rows[0]!.units[layer] ?? 0) - (row.units[layer] ?? 0));
  return niceCeiling(Math.max(1, ...counts, Math.min(Math.max(0, ...zeros), 2 * Math.max(1, ...counts))));
}

/** 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)!;
}

function edge(bin: number): number {
  return 10 ** (bin / BINS_PER_DECADE);
}

function isDecade(bin: number): boolean {
  return bin % BINS_PER_DECADE === 0;
}

function decadeLabel(bin: number): string {
  const power = bin / BINS_PER_DECADE;
  return power >= -3 && power <= 3 ? String(10 ** power) : `1e${power}`;
}
