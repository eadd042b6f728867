import { BINS_PER_DECADE, binStart, type LogHistogram } from '../groups/logHistogram.ts';
import type { EpochMetrics } from '../train/metrics.ts';

/*
 * What TensorBoard shows of an epoch.
 */

/** A number under its tag. */
export interface Scalar {
  readonly tag: string;
  readonly value: number;
}

/** Counts between edges, as TensorBoard has them. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** Upper edge of each bucket. */
  readonly bucketLimit: number[];
  readonly bucket: number[];
}

/** What a run declares for its figures. */
export interface SummaryOptions {
  /** Names of the layers from the bottom; without them they are `layer_1` …. */
  readonly layerNames?: readonly string[] | undefined;
  /** What is counted: 'tokens', 'examples'. */
  readonly items: string;
}

/** The figures that an epoch has. The part of a tag before the slash groups them on the page. */
export function scalarsOf(row: EpochMetrics, { items, layerNames = [] }: SummaryOptions): Scalar[] {
  const { valid = {}, train } = row;
  const scores = [...new Set([...Object.keys(valid), ...Object.keys(train)])].flatMap((name) => [
    { tag: `${name}/valid`, value: valid[name] },
    { tag: `${name}/train`, value: train[name] },
  ]);
  const single = [
    ...scores,
    { tag: 'penalty', value: row.penalty },
    { tag: 'learning_rate', value: row.learningRate },
    { tag: 'parameters', value: row.parameters },
    { tag: `speed/${items}_per_second`, value: row.itemsPerSecond },
    { tag: 'speed/seconds_per_epoch', value: row.seconds },
  ].flatMap(({ tag, value }): Scalar[] => (value === undefined ? [] : [{ tag, value }]));
  const ofLayers = (tag: string, values: readonly number[]): Scalar[] =>
    values.map((value, i) => ({ tag: `${tag}/${layerNames[i] ?? `layer_${i + 1}`}`, value }));
  return [
    ...single,
    ...ofLayers('units', row.units),
    ...ofLayers('units_alive', row.alive),
    ...ofLayers(
      'group_norms_zero',
      (row.groupNorms ?? []).map((norms) => norms.zeros),
    ),
  ];
}

/** The group norms of each layer under their tags, without the zeros; a layer without others is left out. */
export function histogramsOf(
  { groupNorms = [] }: EpochMetrics,
  { layerNames = [] }: SummaryOptions,
): { tag: string; histogram: Histogram }[] {
  return groupNorms.flatMap((norms, i) => {
    const tag = `group_norms/${layerNames[i] ?? `layer_${i + 1}`}`;
    return norms.counts.length === 0 ? [] : [{ tag, histogram: histogramOf(norms) }];
  });
}

/**
 * The bins that are not zero, each ending at 10^(b/10). TensorBoard takes `min` and `max` for the outer edges, so they are
 * those of the bins; sum and sum of squares take each value for the middle of its bin.
 */
function histogramOf({ from, counts }: LogHistogram): Histogram {
  const sums = { num: 0, sum: 0, sumSquares: 0 };
  counts.forEach((count, i) => {
    const middle = 10 ** ((from + i + 0.5) / BINS_PER_DECADE);
    sums.num += count;
    sums.sum += count * middle;
    sums.sumSquares += count * middle ** 2;
  });
  return {
    ...sums,
    min: binStart(from),
    max: binStart(from + counts.length),
    bucketLimit: counts.map((_, i) => binStart(from + i + 1)),
    bucket: [...counts],
  };
}
