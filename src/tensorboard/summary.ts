import { BINS_PER_DECADE, binStart, type LogHistogram } from '../groups/logHistogram.ts';
import type { EpochRow } from '../runs/record.ts';

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

/** Tags of single figures, by field of the row; the part before the slash groups them on the page. */
const TAGS = {
  validPerplexity: 'perplexity/valid',
  trainPerplexity: 'perplexity/train',
  validLoss: 'loss/valid',
  trainLoss: 'loss/train',
  validAccuracy: 'accuracy/valid',
  trainAccuracy: 'accuracy/train',
  penalty: 'penalty',
  learningRate: 'learning_rate',
  parameters: 'parameters',
  tokensPerSecond: 'speed/tokens_per_second',
  examplesPerSecond: 'speed/examples_per_second',
  seconds: 'speed/seconds_per_epoch',
} as const satisfies Partial<Record<keyof EpochRow, string>>;

/** The figures that an epoch has; those of layers go by their names, or by `layer_1` … from the bottom. */
export function scalarsOf(row: EpochRow, layerNames: readonly string[] = []): Scalar[] {
  const single = Object.entries(TAGS).flatMap(([field, tag]): Scalar[] => {
    const value = row[field as keyof typeof TAGS];
    return value === undefined ? [] : [{ tag, value }];
  });
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
  { groupNorms = [] }: EpochRow,
  layerNames: readonly string[] = [],
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
