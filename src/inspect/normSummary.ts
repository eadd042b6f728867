/** How the group norms of a layer are distributed. */
export interface NormSummary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
  /** Units whose norm is exactly zero; they are in none of the bins. */
  readonly zeros: number;
  /** Units per bin; the bins divide the way from the smallest norm above zero to the largest evenly in logarithm. */
  readonly histogram: readonly number[];
}

const BINS = 16;

/** Summarises norms; undefined for none. */
export function summarizeNorms(norms: readonly number[]): NormSummary | undefined {
  if (norms.length === 0) return undefined;
  const sorted = Float64Array.from(norms).sort();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  const positive = sorted.filter((n) => n > 0 && Number.isFinite(n));
  return {
    min: sorted[0]!,
    median,
    max: sorted[sorted.length - 1]!,
    zeros: norms.filter((n) => n === 0).length,
    histogram: positive.length === 0 ? [] : histogramOf(positive),
  };
}

/** `sorted`: positive and finite. Norms that are all the same fill one bin. */
function histogramOf(sorted: Float64Array): number[] {
  const low = Math.log(sorted[0]!);
  const range = Math.log(sorted[sorted.length - 1]!) - low;
  if (range < 1e-6) return [sorted.length];
  const counts = new Array<number>(BINS).fill(0);
  for (const norm of sorted) counts[Math.min(BINS - 1, Math.floor(((Math.log(norm) - low) / range) * BINS))]!++;
  return counts;
}
