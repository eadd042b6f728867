import { UsageError } from '../../base/errors.ts';
import { grouped } from '../../base/format.ts';
import { lengthsBeforePadding, markPadded } from '../../data/arrays/padding.ts';
import { sizeOf } from '../../graph/dims.ts';
import { emptyData } from '../../graph/tensors.ts';
import type { Tensor } from '../../graph/types.ts';
import { shuffled } from './batches.ts';
import type { NamedArrays } from './examples.ts';
import type { ArrayData } from './problem.ts';

/**
 * Holds a share of the examples out, drawn by lot from the seed. Arrays of another number of examples than most stay
 * whole in both. Throws a UsageError where there are too few examples to hold some out.
 */
export function splitExamples({ source, arrays }: NamedArrays, share: number, seed: number): ArrayData {
  const count = commonCount([...arrays.values()]);
  const held = Math.round(share * count);
  if (held < 1 || held >= count) {
    throw new UsageError(
      `${source} has ${grouped(count)} example${count === 1 ? '' : 's'}, too few to hold a share of ${share} out; ` +
        'name held-out data with --valid',
    );
  }
  const order = shuffled(count, seed, 0);
  const part = (rows: Uint32Array, source: string): NamedArrays => ({
    source,
    arrays: new Map(
      [...arrays].map(([name, array]) => [name, array.dims[0] === count ? rowsOf(array, rows.toSorted()) : array]),
    ),
  });
  return {
    train: part(order.subarray(held), source),
    valid: part(order.subarray(0, held), `a share of ${share} of ${source}`),
  };
}

/** How many examples most arrays have. */
function commonCount(arrays: readonly Tensor[]): number {
  const counts = new Map<number, number>();
  for (const { dims } of arrays) counts.set(dims[0] ?? 1, (counts.get(dims[0] ?? 1) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best), [0, 0])[0];
}

/** Some examples of an array [N, …], with the lengths that they had before they were padded. */
function rowsOf(array: Tensor, rows: Uint32Array): Tensor {
  const picked = pick(array, rows);
  const lengths = lengthsBeforePadding(array);
  if (lengths) markPadded(picked, pick(lengths, rows));
  return picked;
}

function pick({ elementType, dims, data }: Tensor, rows: Uint32Array): Tensor {
  const size = sizeOf(dims.slice(1));
  const picked = emptyData(elementType, rows.length * size);
  rows.forEach((row, at) => {
    for (let i = 0; i < size; i++) picked[at * size + i] = data[row * size + i]!;
  });
  return { elementType, dims: [rows.length, ...dims.slice(1)], data: picked };
}

/** Reads training and held-out examples: from files of their own, or a share of one. */
export async function arrayDataFrom(
  { data, valid }: { readonly data: string; readonly valid?: string | undefined },
  { share, seed }: { readonly share: number | undefined; readonly seed: number },
  load: (path: string) => Promise<ReadonlyMap<string, Tensor>>,
): Promise<ArrayData> {
  const train = { source: data, arrays: await load(data) };
  if (valid !== undefined) return { train, valid: { source: valid, arrays: await load(valid) } };
  return share === undefined ? { train } : splitExamples(train, share, seed);
}
