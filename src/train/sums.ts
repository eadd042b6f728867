import type { Tensors } from '../runtime/runtime.ts';
import type { Sums } from '../tasks/score.ts';
import { LOSS } from '../tasks/task.ts';
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

/** Adds what a batch of `count` items gave; means are those over its items. Returns the sums with it. */
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
    totals[name] = Array.from(values, (value, i) => (before?.[i] ?? 0) + value * factor);
  }
  return { count: sums.count + count, totals };
}
