import { SlimError } from '../base/errors.ts';
import type { Tensor } from '../graph/types.ts';

/**
 * An embedding table [V, size] that is looked up and updated row by row, outside the graph: a window of text touches
 * few of its rows. Rows that occur several times in a window add their gradients before norm and update.
 */
export class LookupTable {
  readonly tensor: Tensor;
  private readonly rows: Float32Array;
  private readonly size: number;
  /** Slot of each row among the rows of this window; -1 when it did not occur. */
  private readonly slots: Int32Array;
  private sums = new Float32Array(0);
  private touched: number[] = [];

  /** Copies the table, so that the model it came from keeps its weights. */
  constructor(name: string, table: Tensor) {
    if (!(table.data instanceof Float32Array)) throw new SlimError(`embedding '${name}' is not float32`);
    this.rows = table.data.slice();
    this.tensor = { ...table, data: this.rows };
    this.size = table.dims[1]!;
    this.slots = new Int32Array(table.dims[0]!).fill(-1);
  }

  /** Writes the rows of `indices` one after the other into `values` [indices.length · size]. */
  lookUp(indices: Int32Array, values: Float32Array): void {
    lookUpRows(this.rows, this.size, indices, values);
  }

  /** Sums the gradient [indices.length · size] by row and returns the sum of the squares of these sums. */
  gather(indices: Int32Array, gradient: Float32Array): number {
    const { size, slots } = this;
    for (const row of this.touched) slots[row] = -1;
    this.touched = [];
    if (this.sums.length < gradient.length) this.sums = new Float32Array(gradient.length);
    const { sums } = this;
    for (let i = 0; i < indices.length; i++) {
      const row = indices[i]!;
      let slot = slots[row]!;
      if (slot < 0) {
        slot = this.touched.push(row) - 1;
        slots[row] = slot;
        sums.set(gradient.subarray(i * size, (i + 1) * size), slot * size);
        continue;
      }
      for (let k = 0, to = slot * size, from = i * size; k < size; k++) sums[to + k]! += gradient[from + k]!;
    }
    let squares = 0;
    for (let i = 0, n = this.touched.length * size; i < n; i++) squares += sums[i]! * sums[i]!;
    return squares;
  }

  /** rows ← rows − step · (sums of the last `gather`), on the rows that occurred. */
  update(step: number): void {
    const { size, sums, rows } = this;
    this.touched.forEach((row, slot) => {
      for (let k = 0, to = row * size, from = slot * size; k < size; k++) rows[to + k]! -= step * sums[from + k]!;
    });
  }
}

/** Copies the rows `indices` of a table [V, size] one after the other into `values`. */
export function lookUpRows(rows: Float32Array, size: number, indices: Int32Array, values: Float32Array): void {
  for (let i = 0; i < indices.length; i++) {
    const row = indices[i]! * size;
    values.set(rows.subarray(row, row + size), i * size);
  }
}

/** Adds the rows of `gradient` [indices.length, size] to the rows `indices` of a table [V, size]. */
export function addRows(table: Float32Array, indices: Int32Array, gradient: Float32Array): void {
  const size = gradient.length / indices.length;
  for (let i = 0, from = 0; i < indices.length; i++) {
    for (let k = 0, to = indices[i]! * size; k < size; k++) table[to + k]! += gradient[from++]!;
  }
}
