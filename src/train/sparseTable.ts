import { type SparseRows, SparseTensor } from '../graph/sparseTensor.ts';
import type { Buffer32 } from '../kernels/memory.ts';
import type { ConnectionTable } from '../methods/method.ts';
import { type LookupTable, lookUpSparse } from './lookupTable.ts';

/** What is stored of each connection of a table. */
interface ConnectionBuffers {
  readonly weights: Buffer32;
  readonly gradient: Buffer32;
  readonly slots: Readonly<Record<string, Buffer32>>;
}

/**
 * A table of which only the connections that exist are stored, row by row: memory grows with them, not with words times
 * size. Weights, gradient and the optimizer's slots lie in the memory of all weights, so that updates treat them like
 * those of any parameter. Connections can move; their number can only fall.
 */
export class SparseTable implements LookupTable, ConnectionTable {
  readonly name: string;
  readonly dims: readonly number[];
  readonly rowStarts: Uint32Array;
  readonly columns: Uint16Array | Uint32Array;
  private readonly buffers: ConnectionBuffers;

  /** Copies the places of `tensor`; the buffers are as long as it has values, and hold them already. */
  constructor(name: string, tensor: SparseTensor, buffers: ConnectionBuffers) {
    this.name = name;
    this.dims = tensor.dims;
    this.rowStarts = tensor.rows.rowStarts.slice();
    this.columns = tensor.rows.columns.slice(0, tensor.count);
    this.buffers = buffers;
  }

  get weights(): Float32Array {
    return this.buffers.weights.data.subarray(0, this.count);
  }

  /** Connections that exist. */
  get count(): number {
    return this.rowStarts.at(-1)!;
  }

  /** A tensor of its places with what a buffer holds for each, over live memory. */
  tensorOf({ data }: Buffer32): SparseTensor {
    const rows: SparseRows = { rowStarts: this.rowStarts, columns: this.columns };
    return new SparseTensor({ elementType: 'float32', dims: this.dims }, data.subarray(0, this.count), rows);
  }

  lookUp(indices: Int32Array, values: Float32Array): void {
    const { dims, rowStarts, columns, buffers } = this;
    lookUpSparse({ dims, values: buffers.weights.data, rows: { rowStarts, columns } }, indices, values);
  }

  add(indices: Int32Array, gradient: Float32Array): void {
    const { rowStarts, columns } = this;
    const size = this.dims[1]!;
    const own = this.buffers.gradient.data;
    for (let i = 0; i < indices.length; i++) {
      const row = indices[i]!;
      for (let at = rowStarts[row]!; at < rowStarts[row + 1]!; at++) own[at]! += gradient[i * size + columns[at]!]!;
    }
  }

  replace(gone: Uint8Array, places: Uint32Array, weights: Float32Array): number[] {
    const { buffers, count } = this;
    const { sources, grown } = this.movePlaces(gone, places);
    for (const { data } of [buffers.weights, ...Object.values(buffers.slots)]) {
      const before = data.slice(0, count);
      for (const [to, from] of sources.entries()) if (from >= 0) data[to] = before[from]!;
      data.fill(0, sources.length);
    }
    for (const [n, at] of grown.entries()) buffers.weights.data[at] = weights[n]!;
    return grown;
  }

  /** Which connection is now where another one was, −1 for a new one; and the new ones. */
  private movePlaces(gone: Uint8Array, places: Uint32Array): { sources: Int32Array; grown: number[] } {
    const { rowStarts, columns } = this;
    const [rows, size] = this.dims as [number, number];
    const [oldStarts, oldColumns] = [rowStarts.slice(), columns.slice()];
    const sources = new Int32Array(columns.length);
    const grown: number[] = [];
    let [to, next] = [0, 0];
    for (let row = 0; row < rows; row++) {
      rowStarts[row] = to;
      for (let from = oldStarts[row]!; from <= oldStarts[row + 1]!; from++) {
        const isEnd = from === oldStarts[row + 1]!;
        // A place whose connection goes may be taken again: it is then new.
        const limit = isEnd ? (row + 1) * size : row * size + oldColumns[from]! + 1;
        for (; next < places.length && places[next]! < limit; next++) {
          columns[to] = places[next]! - row * size;
          sources[to] = -1;
          grown.push(to++);
        }
        if (isEnd || gone[from] === 1) continue;
        columns[to] = oldColumns[from]!;
        sources[to++] = from;
      }
    }
    rowStarts[rows] = to;
    return { sources: sources.subarray(0, to), grown };
  }
}
