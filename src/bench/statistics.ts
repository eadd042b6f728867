/** Median of a list; the mean of the middle two when even. Throws on an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that a share of the values (0.9 for the 90th percentile) does not exceed. Throws on an empty list. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('a percentile of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** Spread of repeated measurements. */
export interface Spread {
  readonly median: number;
  /** 90th percentile. */
  readonly p90: number;
  readonly min: number;
  readonly max: number;
}

/** Median, 90th percentile, smallest and largest of some measurements. */
export function spread(values: readonly number[]): Spread {
  return {
    median: median(values),
    p90: percentile(values, 0.9),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}

/** Milliseconds that an asynchronous piece of work takes. */
export async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** How pieces of work take turns. */
export interface Turns {
  readonly rounds: number;
  /** Rounds before them that are not counted. */
  readonly warmup?: number;
  /** Timed runs in each turn. */
  readonly burst?: number;
  /** Milliseconds of untimed runs before them, so that caches hold this work's data and not the previous one's. */
  readonly leadIn?: number;
}

/**
 * Times several pieces of work in turn, A B C A B C …, so that a machine that changes its speed changes it for all.
 * Returns the milliseconds of each, in order.
 */
export async function interleave(
  works: readonly (() => Promise<unknown>)[],
  { rounds, warmup = 1, burst = 1, leadIn = 0 }: Turns,
): Promise<number[][]> {
  const times: number[][] = works.map(() => []);
  for (let round = -warmup; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      for (let spent = 0; spent < leadIn; ) spent += await milliseconds(work);
      for (let run = 0; run < burst; run++) {
        const ms = await milliseconds(work);
        if (round >= 0) times[i]!.push(ms);
      }
    }
  }
  return times;
}
