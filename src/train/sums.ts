import type { Tensors } from '../runtime/runtime.ts';
import type { Sums } from '../tasks/score.ts';
import { LOSS } from '../tasks/task.ts';
import type { Collective } from './collective.ts';
import type { ScoringGraph } from './compile.ts';

/** Sums over batches that grow; plain data, for checkpoints. */
export interface MutableSums extends Sums {
  count: number;
  totals: Record<string, number[]>;
}

/** The sums of no batch. */
export function emptyTotals(): MutableSums {
  return { count: 0, totals: {} };
}

/**
 * Adds what a batch of `count` items gave; means are those over its items, and none where nothing counts. Returns the
 * sums with it.
 */
export function addBatch(
  sums: Sums,
  { sums: outputs, reduction }: Pick<ScoringGraph, 'sums' | 'reduction'>,
  results: Tensors,
  count: number,
): MutableSums {
  const totals: Record<string, number[]> = {};
  for (const [name, kind] of [[LOSS, reduction] as const, ...Object.entries(outputs)]) {
    const before = sums.totals[name];
    const values = results[name]!.data as Float32Array;
    const factor = kind === 'mean' ? count : 1;
    totals[name] = Array.from(values, (value, i) => (before?.[i] ?? 0) + (count === 0 ? 0 : value * factor));
  }
  return { count: sums.count + count, totals };
}

/** The sums of all processes together; each must have the same totals, be they 0. */
export async function shareSums(sums: Sums, collective: Collective): Promise<Sums> {
  if (collective.ranks === 1) return sums;
  const names = Object.keys(sums.totals).sort();
  const values = Float64Array.from([sums.count, ...names.flatMap((name) => Array.from(sums.totals[name]!))]);
  await collective.sum(values);
  let next = 1;
  const totals = names.map((name) => {
    const start = next;
    next += sums.totals[name]!.length;
    return [name, Array.from(values.subarray(start, next))] as const;
  });
  return { count: values[0]!, totals: Object.fromEntries(totals) };
}
