import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Tensor } from '../graph/types.ts';

/**
 * An embedding table [V, size] in training, which is looked up outside the graph: a window of text touches few of its
 * rows. How it is stored is its own business.
 */
export interface LookupTable {
  /** Writes the rows of `indices` one after the other into `values` [indices.length · size]. */
  lookUp(indices: Int32Array, values: Float32Array): void;
  /** Adds the gradient of looked-up rows [indices.length · size] to that of the coming update. */
  add(indices: Int32Array, gradient: Float32Array): void;
}

/** A table whose weights and gradient [V · size] lie in memory as a whole: graphs may use it as well. */
export function wholeTable(weights: Float32Array, gradient: Float32Array, size: number): LookupTable {
  return {
    lookUp: (indices, values) => lookUpRows(weights, size, indices, values),
    add: (indices, rows) => addRows(gradient, size, indices, rows),
  };
}

/** Copies the rows `indices` of a table [V, size] one after the other into `values`. */
export function lookUpRows(rows: Float32Array, size: number, indices: Int32Array, values: Float32Array): void {
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]! * size;
    values.set(rows.subarray(row, row + size), i * size);
  }
}

/** Adds the rows of `gradient` [indices.length, size] to the rows `indices` of a table [V, size]. */
function addRows(table: Float32Array, size: number, indices: Int32Array, gradient: Float32Array): void {
  for (let i = 0, from = 0; i < indices.length; i++) {
    for (let k = 0, to = indices[i]! * size; k < size; k++) table[to + k]! += gradient[from++]!;
  }
}

/** Rows of a float32 tensor [V, size] one after the other [indices.length · size]; a sparse one is not laid out. */
export function rowsFrom(tensor: Tensor, indices: Int32Array): Float32Array<ArrayBuffer> {
  const size = tensor.dims[1]!;
  const values = new Float32Array(indices.length * size);
  if (tensor instanceof SparseTensor) lookUpSparse(tensor, indices, values);
  else lookUpRows(tensor.data as Float32Array, size, indices, values);
  return values;
}

/** As `lookUpRows`, for a table of which only some values are stored. */
export function lookUpSparse(
  { dims, values: stored, rows: { rowStarts, columns } }: Pick<SparseTensor, 'dims' | 'values' | 'rows'>,
  indices: Int32Array,
  values: Float32Array,
): void {
  const size = dims[1]!;
  values.fill(0, 0, indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]!;
    const to = i * size;
    for (let at = rowStarts[row]!; at < rowStarts[row + 1]!; at++) values[to + columns[at]!] = Number(stored[at]!);
  }
}
