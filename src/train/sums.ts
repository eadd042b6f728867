import { isStatic, sizeOf } from '../graph/dims.ts';
import type { Tensors } from '../runtime/runtime.ts';
import type { Sums } from '../tasks/score.ts';
import { type Batches, LOSS } from '../tasks/task.ts';
import type { Collective } from './collective.ts';
import type { ScoringGraph } from './compile.ts';

/** Sums as plain data, for checkpoints. */
export interface PlainSums extends Sums {
  count: number;
  totals: Record<string, number[]>;
}

/** What batch `index` gave, of which `count` items count; means are those over its items. */
export function batchSums(
  { sums, judged, reduction }: Pick<ScoringGraph, 'sums' | 'judged' | 'reduction'>,
  results: Tensors,
  count: number,
  { batches, index }: { readonly batches: Batches; readonly index: number },
): PlainSums {
  const totals = Object.entries({ [LOSS]: reduction, ...sums }).map(([name, kind]) => {
    const factor = kind === 'mean' ? count : 1;
    return [name, Array.from(results[name]!.data as Float32Array, (value) => value * factor)];
  });
  const judgement = Object.entries((judged && count > 0 && batches.judge?.(index, results)) || {});
  const none = (judged?.sums ?? []).map((name) => [name, [0]]);
  const own = judgement.map(([name, value]) => [name, [value]]);
  return { count, totals: Object.fromEntries([...totals, ...none, ...own]) };
}

/** Both together. */
export function addSums(sums: PlainSums, more: Sums): PlainSums {
  const totals = { ...sums.totals };
  for (const [name, values] of Object.entries(more.totals)) {
    const before = sums.totals[name];
    totals[name] = Array.from(values, (value, i) => (before?.[i] ?? 0) + value);
  }
  return { count: sums.count + more.count, totals };
}

/** The sums of no batch, in the sizes that a graph gives. */
export function zeroTotals({ sums, judged, graph }: Pick<ScoringGraph, 'sums' | 'judged' | 'graph'>): PlainSums {
  const sizeIn = (name: string) => {
    const shape = graph.outputs.find((o) => o.name === name)?.type.shape;
    return isStatic(shape) ? sizeOf(shape) : 1;
  };
  const summed = [LOSS, ...Object.keys(sums)].map((name) => [name, Array<number>(sizeIn(name)).fill(0)]);
  const totals = [...summed, ...(judged?.sums ?? []).map((name) => [name, [0]])];
  return { count: 0, totals: Object.fromEntries(totals) };
}

/** The sums of all processes together; each calls it with totals of the same names and sizes. */
export async function sharedSums(sums: PlainSums, collective: Collective): Promise<PlainSums> {
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
