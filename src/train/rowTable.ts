import { SlimError } from '../base/errors.ts';
import type { Tensor } from '../graph/types.ts';
import { type LookupTable, lookUpRows } from './lookupTable.ts';

/**
 * A table that is updated row by row, without a gradient for the rows that no word of a window looked up. Rows that
 * occur several times in a window add their gradients before norm and update.
 */
export class RowTable implements LookupTable {
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
    this.tensor = { elementType: table.elementType, dims: table.dims, data: this.rows };
    this.size = table.dims[1]!;
    this.slots = new Int32Array(table.dims[0]!).fill(-1);
  }

  lookUp(indices: Int32Array, values: Float32Array): void {
    lookUpRows(this.rows, this.size, indices, values);
  }

  add(indices: Int32Array, gradient: Float32Array): void {
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
  }

  /** Sum of the squares of what was added, row by row. */
  squares(): number {
    let squares = 0;
    for (let i = 0, n = this.touched.length * this.size; i < n; i++) squares += this.sums[i]! * this.sums[i]!;
    return squares;
  }

  /** rows ← rows − step · (gradient of the last `add`), on the rows that occurred. */
  update(step: number): void {
    const { size, sums, rows } = this;
    this.touched.forEach((row, slot) => {
      for (let k = 0, to = row * size, from = slot * size; k < size; k++) rows[to + k]! -= step * sums[from + k]!;
    });
  }
}
