import type { Collective } from '../train/collective.ts';

/** What summing has cost so far; waiting for the others is part of it. */
export interface Spent {
  sums: number;
  seconds: number;
  /** Of the largest array: that of all gradients. */
  bytes: number;
  /** Milliseconds between the first sum and the end of the last one. */
  readonly elapsed: number;
}

/** A collective that counts what its sums cost. */
export function timed(collective: Collective): Collective & { readonly spent: Spent } {
  let [first, last] = [0, 0];
  const spent = {
    ...{ sums: 0, seconds: 0, bytes: 0 },
    get elapsed() {
      return last - first;
    },
  };
  return {
    rank: collective.rank,
    ranks: collective.ranks,
    spent,
    async sum(values) {
      const began = performance.now();
      if (spent.sums === 0) first = began;
      spent.sums++;
      await collective.sum(values);
      last = performance.now();
      spent.seconds += (last - began) / 1e3;
      spent.bytes = Math.max(spent.bytes, values.byteLength);
    },
  };
}
