import { isStatic, sizeOf } from '../graph/dims.ts';
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

/** The sums of no batch, in the sizes that a graph gives. */
export function zeroTotals({ sums, graph }: Pick<ScoringGraph, 'sums' | 'graph'>): MutableSums {
  const sizeIn = (name: string) => {
    const shape = graph.outputs.find((o) => o.name === name)?.type.shape;
    return isStatic(shape) ? sizeOf(shape) : 1;
  };
  const totals = [LOSS, ...Object.keys(sums)].map((name) => [name, Array<number>(sizeIn(name)).fill(0)]);
  return { count: 0, totals: Object.fromEntries(totals) };
}

/** The sums of all processes together; each calls it with totals of the same names and sizes. */
export async function sharedSums(sums: MutableSums, collective: Collective): Promise<MutableSums> {
  if (collective.ranks === 1) return sums;
  const names = Object.keys(sums.totals);
  const all = Float64Array.of(sums.count, ...names.flatMap((name) => sums.totals[name]!));
  await collective.sum(all);
  let at = 1;
  const totals = names.map((name) => {
    const from = at;
    at += sums.totals[name]!.length;
    return [name, [...all.subarray(from, at)]];
  });
  return { count: all[0]!, totals: Object.fromEntries(totals) };
}
