import { useState } from 'preact/hooks';
import { rounded } from '../../base/format.ts';
import type { LogHistogram } from '../../groups/logHistogram.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import { Chart, type Colors } from './chart.tsx';

/** As `logHistogram` has them; not imported, because its checks of data would come along. */
const BINS_PER_DECADE = 10;
/** Empty places between the bar of the zeros and the first bin. */
const GAP = ['', ' '];
const FIRST = 1 + GAP.length;

interface NormHistogramsProps {
  readonly rows: readonly EpochMetrics[];
  readonly layers: readonly string[];
  /** τ of the run, if it has one. */
  readonly threshold?: number | undefined;
}

/** How the norms of each layer's groups spread, epoch by epoch (the paper's Figure 6), with zeros apart. */
export function NormHistograms({ rows, layers, threshold }: NormHistogramsProps) {
  const measured = rows.filter((row) => row.groupNorms !== undefined && row.groupNorms.length > 0);
  const [chosen, choose] = useState(Number.POSITIVE_INFINITY);
  if (measured.length === 0) {
    return (
      <p class="quiet">This run has no group norms: an earlier version recorded it, or it has no layers to trace.</p>
    );
  }
  const at = Math.min(chosen, measured.length - 1);
  const row = measured[at]!;
  const mark = threshold ? { threshold, bin: Math.floor(Math.log10(threshold) * BINS_PER_DECADE) } : undefined;
  const range = rangeOf(measured, mark);
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
            gone={Math.max(removedIn(row, measured, i), 0) + bins.zeros}
            highest={highest(measured, i)}
            {...{ bins, range, mark }}
          />
        ))}
      </div>
    </div>
  );
}

/** Units of a layer that have left since the first epoch. */
function removedIn(row: EpochMetrics, rows: readonly EpochMetrics[], layer: number): number {
  return (rows[0]!.units[layer] ?? 0) - (row.units[layer] ?? 0);
}

/** τ and the bin that it falls into. */
interface Mark {
  readonly threshold: number;
  readonly bin: number;
}

interface NormChartProps {
  readonly title: string;
  readonly bins: LogHistogram;
  /** Units that are removed already, or whose group is all zero. */
  readonly gone: number;
  readonly range: readonly [from: number, to: number];
  readonly highest: number;
  readonly mark: Mark | undefined;
}

function NormChart({ title, bins, gone, range: [from, to], highest, mark }: NormChartProps) {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const count = (bin: number) => bins.counts[bin - bins.from] ?? 0;
  const labels = ['0', ...GAP, ...numbers.map((bin) => `${rounded(edge(bin))} to ${rounded(edge(bin + 1))}`)];
  const values = [gone, ...GAP.map(() => 0), ...numbers.map(count)];
  const rows = labels.map((label, i) => [label, String(values[i])]).filter(([, value], i) => i === 0 || value !== '0');
  const left = bins.counts.reduce((sum, n) => sum + n, 0);
  const isDecade = (index: number) => index >= FIRST && (from + index - FIRST) % BINS_PER_DECADE === 0;
  const option = (colors: Colors) => ({
    legend: { show: false },
    grid: { top: 24 },
    xAxis: {
      ...{ type: 'category', data: labels, name: '‖w‖', axisTick: { show: false } },
      axisLabel: {
        interval: (index: number) => index === 0 || isDecade(index),
        formatter: (_: string, index: number) => (index === 0 ? '0' : decadeLabel(from + index - FIRST)),
      },
    },
    yAxis: { type: 'value', min: 0, max: highest },
    series: [
      {
        type: 'bar',
        barCategoryGap: '8%',
        data: values.map((value, i) => (i === 0 ? zeroBar(value, colors) : value)),
        itemStyle: { color: colors.series[0] },
        ...(mark && { markLine: thresholdLine(mark, from, colors) }),
      },
    ],
  });
  const note = `${left} units above zero; ${gone} zero or removed (first bar).`;
  return <Chart title={title} note={note} table={{ head: ['norm', 'units'], rows }} option={option} />;
}

/** Zeros have their count beside them, since they may be more than the axis has room for. */
function zeroBar(value: number, colors: Colors) {
  const label = { show: value > 0, position: 'insideTop', distance: -14, formatter: String(value), color: colors.text };
  return { value, itemStyle: { color: colors.series[7] }, label };
}

function thresholdLine({ threshold, bin }: Mark, from: number, { series: [, color] }: Colors) {
  const place = { position: 'insideEndTop', rotate: 0, distance: [4, -8], align: 'left' };
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color, type: 'dashed' },
    label: { formatter: `τ ${rounded(threshold)}`, color, ...place },
    data: [{ xAxis: bin - from + FIRST }],
  };
}

/** All epochs share one axis, so that the bars move and the axis stays. */
function rangeOf(rows: readonly EpochMetrics[], mark: Mark | undefined): [number, number] {
  const bins = rows.flatMap((row) => row.groupNorms ?? []).filter(({ counts }) => counts.length > 0);
  const marks = mark ? [mark.bin] : [];
  const from = Math.min(...bins.map((b) => b.from), ...marks.map((bin) => bin - 1));
  const to = Math.max(...bins.map((b) => b.from + b.counts.length - 1), ...marks);
  return Number.isFinite(from) && Number.isFinite(to) ? [from, to] : [-20, 10];
}

/** Units in the fullest bin of a layer over all epochs; zeros may be more, and are cut off at twice of that. */
function highest(rows: readonly EpochMetrics[], layer: number): number {
  const fullest = Math.max(1, ...rows.flatMap((row) => row.groupNorms?.[layer]?.counts ?? []));
  const zeros = Math.max(...rows.map((row) => removedIn(row, rows, layer)));
  return niceCeiling(Math.max(fullest, Math.min(zeros, 2 * fullest)));
}

/** 1, 2 or 5 times a power of ten. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)!;
}

function edge(bin: number): number {
  return 10 ** (bin / BINS_PER_DECADE);
}

function decadeLabel(bin: number): string {
  const power = bin / BINS_PER_DECADE;
  return power >= -3 && power <= 3 ? String(10 ** power) : `1e${power}`;
}
