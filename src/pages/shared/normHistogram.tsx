import { useState } from 'preact/hooks';
import { counted, rounded } from '../../base/format.ts';
import type { LogHistogram } from '../../groups/logHistogram.ts';
import type { EpochMetrics } from '../../train/metrics.ts';
import { axisOf, powerLabel } from './axis.ts';
import { Chart, type Colors, linearAxis, onTop } from './chart.tsx';

/** As `logHistogram` has them; not imported, because its checks of data would come along. */
const BINS_PER_DECADE = 10;
/** Empty places between the bar of the zeros and the first bin. */
const GAP = ['', ' '];
const FIRST = 1 + GAP.length;
/** Pixels between the zero and the next label. */
const ROOM = 40;

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
            gone={goneIn(row, measured, i)}
            highest={highest(measured, i)}
            {...{ bins, range, mark }}
          />
        ))}
      </div>
    </div>
  );
}

/** Units of a layer that have left since the first epoch, or whose group is all zero. */
function goneIn({ units, groupNorms }: EpochMetrics, rows: readonly EpochMetrics[], layer: number): number {
  const removed = (rows[0]!.units[layer] ?? 0) - (units[layer] ?? 0);
  return Math.max(removed, 0) + (groupNorms?.[layer]?.zeros ?? 0);
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
  const option = (colors: Colors, width: number) => ({
    legend: { show: false },
    grid: { top: 24 },
    xAxis: {
      ...{ type: 'category', data: labels, name: '‖w‖', axisTick: { show: false } },
      axisLabel: {
        // The first decade gives way to the zero, which has its bar right beside.
        interval: (index: number) => index === 0 || (isDecade(index) && (index * width) / labels.length > ROOM),
        formatter: (_: string, index: number) => (index === 0 ? '0' : powerLabel(edge(from + index - FIRST))),
      },
    },
    yAxis: linearAxis(axisOf([highest], { fromZero: true, whole: true })),
    series: [
      {
        type: 'bar',
        barCategoryGap: '8%',
        // One unit beside hundreds still shows.
        barMinHeight: 2,
        data: values.map((value, i) => (i === 0 ? zeroBar(value, colors) : value === 0 ? null : value)),
        itemStyle: { color: colors.series[0] },
        ...(mark && { markLine: thresholdLine(mark, from, colors) }),
      },
    ],
  });
  const note = `${counted(left, 'unit')} above zero; ${gone} zero or removed (first bar, grey).`;
  return <Chart title={title} note={note} table={{ head: ['norm', 'units'], rows }} option={option} />;
}

/** Zeros are no norm of the axis: a bar of their own colour, with their count above it. */
function zeroBar(value: number, colors: Colors) {
  const label = { show: value > 0, position: 'top', distance: 2, formatter: String(value), color: colors.text };
  return { value: value === 0 ? null : value, itemStyle: { color: colors.series[7] }, label };
}

/** τ is named above the end of its line. */
function thresholdLine({ threshold, bin }: Mark, from: number, colors: Colors) {
  const color = colors.series[1];
  return {
    symbol: 'none',
    silent: true,
    lineStyle: { color, type: 'dashed' },
    label: { formatter: `τ ${rounded(threshold)}`, color, position: 'end', rotate: 0, distance: 3, ...onTop(colors) },
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

/** Units in the fullest bar of a layer over all epochs, those of the zeros included: no bar is cut off. */
function highest(rows: readonly EpochMetrics[], layer: number): number {
  const bins = rows.flatMap((row) => row.groupNorms?.[layer]?.counts ?? []);
  return Math.max(1, ...bins, ...rows.map((row) => goneIn(row, rows, layer)));
}

function edge(bin: number): number {
  return 10 ** (bin / BINS_PER_DECADE);
}
