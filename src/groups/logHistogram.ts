import { z } from 'zod';
import type { Groups } from './groups.ts';
import { groupNorms, type WeightLookup } from './measure.ts';

/** Bins in a factor of ten. */
export const BINS_PER_DECADE = 10;

/** Smallest power of ten that has a bin of its own; what is smaller falls into the first bin. */
const LOWEST_DECADE = -12;

export const logHistogramSchema = z.object({
  /** Values that are exactly zero; they are in no bin. */
  zeros: z.number(),
  /** Number of the first bin in `counts`. */
  from: z.number(),
  /** Values per bin, from bin `from` on; the first and the last are not empty. */
  counts: z.array(z.number()),
});

/** How many values fall into fixed bins, the same for all epochs, layers and runs: b is [10^(b/10), 10^((b+1)/10)). */
export type LogHistogram = z.infer<typeof logHistogramSchema>;

/** Counts values that are zero or positive; a value that is not finite is left out. */
export function logHistogram(values: Iterable<number>): LogHistogram {
  let zeros = 0;
  const bins: number[] = [];
  for (const value of values) {
    if (value === 0) zeros++;
    else if (value > 0 && Number.isFinite(value)) bins.push(binOf(value));
  }
  if (bins.length === 0) return { zeros, from: 0, counts: [] };
  const from = bins.reduce((a, b) => Math.min(a, b));
  const to = bins.reduce((a, b) => Math.max(a, b));
  const counts = new Array<number>(to - from + 1).fill(0);
  for (const bin of bins) counts[bin - from]!++;
  return { zeros, from, counts };
}

/** How the norms ‖w_k‖ of each layer's units are distributed; units without a component are left out. */
export function normsByLayer(groups: Groups, weights: WeightLookup): LogHistogram[] {
  const norms = groupNorms(groups, weights);
  return groups.layers.map(({ components }) => logHistogram([...components].flatMap((k) => (k < 0 ? [] : norms[k]!))));
}

/** Lower edge of a bin. */
export function binStart(bin: number): number {
  return 10 ** (bin / BINS_PER_DECADE);
}

/** The logarithm alone would put some edges, such as 0.001, into the bin below them. */
function binOf(value: number): number {
  const bin = Math.floor(Math.log10(value) * BINS_PER_DECADE);
  const settled = value >= binStart(bin + 1) ? bin + 1 : value < binStart(bin) ? bin - 1 : bin;
  return Math.max(settled, LOWEST_DECADE * BINS_PER_DECADE);
}
