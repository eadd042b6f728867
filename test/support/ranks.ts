import type { Collective } from '../../src/train/collective.ts';

/*
 * For tests: processes that train one model together, as promises of one process that meet.
 */

type Values = Parameters<Collective['sum']>[0];

/** What a rank brings to a meeting. */
interface Arrival {
  readonly values: Values;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** So many ranks; a sum resolves when all of them have come to it. */
export function meetingRanks(ranks: number): Collective[] {
  let arrivals: Arrival[] = [];
  return Array.from({ length: ranks }, (_, rank) => ({
    rank,
    ranks,
    sum: (values: Values) =>
      new Promise<void>((resolve, reject) => {
        arrivals.push({ values, resolve, reject });
        if (arrivals.length < ranks) return;
        const all = arrivals;
        arrivals = [];
        meet(all);
      }),
  }));
}

function meet(all: readonly Arrival[]): void {
  const lengths = all.map(({ values }) => values.length);
  if (new Set(lengths).size > 1) {
    for (const { reject } of all) reject(new Error(`ranks sum different things, of ${lengths.join(', ')} values`));
    return;
  }
  const sums = new Float64Array(lengths[0]!);
  for (const { values } of all) for (const [i, x] of values.entries()) sums[i]! += x;
  for (const { values, resolve } of all) {
    values.set(sums);
    resolve();
  }
}
