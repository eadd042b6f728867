import { sizeOf } from './dims.ts';
import { LazyTensor } from './lazyTensor.ts';
import { emptyData } from './tensors.ts';
import type { ElementType, Tensor, TensorData } from './types.ts';

/** Stored values: all kinds of numbers. */
export type SparseValues = Exclude<TensorData, string[]>;

/** Where the values of a matrix [rows, cols] are, row by row, as CSR has it. */
export interface SparseRows {
  /** Where each row's values begin, and the end of the last [rows + 1]. */
  readonly rowStarts: Uint32Array;
  /** The column of each value, ascending within a row; there may be more of them than values. */
  readonly columns: Uint16Array | Uint32Array;
}

/** Elements that a sparse tensor may have: more are no place for 32 bits. */
export const MOST_ELEMENTS = 2 ** 32 - 1;

/**
 * A tensor of which some values are stored and all others are zero; a stored value may be zero as well. The places of
 * what is stored are known as flat row-major indices or row by row, and made from each other when they are wanted.
 */
export class SparseTensor extends LazyTensor {
  readonly #values: SparseValues;
  #indices: Uint32Array | undefined;
  #rows: SparseRows | undefined;
  declare readonly extra?: Uint8Array;

  /** `places` are flat indices, ascending, or rows of the matrix [product of all axes but the last, last axis]. */
  constructor(
    type: Pick<Tensor, 'elementType' | 'dims' | 'extra'>,
    values: SparseValues,
    places: Uint32Array | SparseRows,
  ) {
    super(type.elementType, type.dims);
    if (type.extra) this.extra = type.extra;
    this.#values = values;
    if (places instanceof Uint32Array) this.#indices = places;
    else this.#rows = places;
  }

  /** The stored values in the order of their places. */
  get values(): SparseValues {
    return this.#values;
  }

  /** How many values are stored. */
  get count(): number {
    return this.#values.length;
  }

  /** The flat row-major indices of the values, ascending [count]. */
  get indices(): Uint32Array {
    this.#indices ??= flatIndices(this.#rows!, this.#columns, this.count);
    return this.#indices;
  }

  /** The values row by row. */
  get rows(): SparseRows {
    this.#rows ??= rowsOf(this.#indices!, sizeOf(this.dims.slice(0, -1)), this.#columns);
    return this.#rows;
  }

  get #columns(): number {
    return this.dims.at(-1) ?? 1;
  }

  override layOut(): TensorData {
    const data = emptyData(this.elementType, sizeOf(this.dims));
    const [values, indices] = [this.#values, this.#indices ?? flatIndices(this.#rows!, this.#columns, this.count)];
    for (let i = 0; i < indices.length; i++) data[indices[i]!] = values[i]!;
    return data;
  }

  override sample(): TensorData {
    return this.#values;
  }

  /** The same places with other values, in their order. */
  with(values: SparseValues, elementType: ElementType = this.elementType): SparseTensor {
    const { dims, extra } = this;
    return new SparseTensor({ elementType, dims, ...(extra && { extra }) }, values, this.#rows ?? this.#indices!);
  }

  /** A tensor of its own, for one over memory that changes. */
  copy(): SparseTensor {
    const { elementType, dims, extra, count } = this;
    const rows = this.#rows;
    const places = rows
      ? { rowStarts: rows.rowStarts.slice(), columns: rows.columns.slice(0, count) }
      : this.#indices!.slice();
    return new SparseTensor({ elementType, dims, ...(extra && { extra }) }, this.#values.slice(), places);
  }
}

/** Room for column numbers below `cols`: two bytes each where they fit. */
export function columnArray(length: number, cols: number): Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer> {
  return cols <= 0x10000 ? new Uint16Array(length) : new Uint32Array(length);
}

/** Rows of flat indices, which ascend. */
export function rowsOf(indices: ArrayLike<number>, rows: number, cols: number): SparseRows {
  const rowStarts = new Uint32Array(rows + 1);
  const columns = columnArray(indices.length, cols);
  for (let i = 0; i < indices.length; i++) {
    const row = Math.floor(indices[i]! / cols);
    columns[i] = indices[i]! - row * cols;
    rowStarts[row + 1]!++;
  }
  for (let row = 0; row < rows; row++) rowStarts[row + 1]! += rowStarts[row]!;
  return { rowStarts, columns };
}

function flatIndices({ rowStarts, columns }: SparseRows, cols: number, count: number): Uint32Array {
  const indices = new Uint32Array(count);
  for (let row = 0; row + 1 < rowStarts.length; row++) {
    for (let i = rowStarts[row]!; i < rowStarts[row + 1]!; i++) indices[i] = row * cols + columns[i]!;
  }
  return indices;
}

/** A sparse tensor with only the listed indices of each axis, in their order; undefined keeps an axis whole. */
export function sliceSparse(tensor: SparseTensor, keep: readonly (readonly number[] | undefined)[]): SparseTensor {
  const { dims, indices, values } = tensor;
  const moved = dims.map((size, axis) => placesAfter(size, keep[axis]));
  const kept = dims.map((size, axis) => keep[axis]?.length ?? size);
  const left: { readonly from: number; readonly to: number }[] = [];
  for (let i = 0; i < indices.length; i++) {
    const to = movedIndex(indices[i]!, dims, kept, moved);
    if (to !== undefined) left.push({ from: i, to });
  }
  left.sort((a, b) => a.to - b.to);
  const chosen = emptyData(tensor.elementType, left.length);
  for (const [i, { from }] of left.entries()) chosen[i] = values[from]!;
  const places = Uint32Array.from(left, ({ to }) => to);
  return new SparseTensor({ ...typeOf(tensor), dims: kept }, chosen as SparseValues & TensorData, places);
}

function typeOf({ elementType, extra }: SparseTensor) {
  return { elementType, ...(extra && { extra }) };
}

/** Where each index of an axis goes, -1 for one that leaves. */
function placesAfter(size: number, kept: readonly number[] | undefined): Int32Array {
  if (kept === undefined) return Int32Array.from({ length: size }, (_, i) => i);
  const places = new Int32Array(size).fill(-1);
  for (const [to, from] of kept.entries()) places[from] = to;
  return places;
}

function movedIndex(
  index: number,
  dims: readonly number[],
  kept: readonly number[],
  moved: readonly Int32Array[],
): number | undefined {
  let [rest, to, stride] = [index, 0, 1];
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const size = dims[axis]!;
    const place = moved[axis]![rest % size]!;
    if (place < 0) return undefined;
    to += place * stride;
    stride *= kept[axis]!;
    rest = Math.floor(rest / size);
  }
  return to;
}

/** The stored values of a dense tensor of numbers: all whose bits are not those of zero, so that −0 stays. */
export function sparseOf(tensor: Tensor): SparseTensor {
  const { elementType, dims } = tensor;
  const data = tensor.data as SparseValues;
  const isStored = (value: number | bigint) => !Object.is(value, 0) && value !== 0n;
  const places: number[] = [];
  for (let i = 0; i < data.length; i++) if (isStored(data[i]!)) places.push(i);
  const values = emptyData(elementType, places.length);
  for (const [i, place] of places.entries()) values[i] = data[place]!;
  const { extra } = tensor;
  return new SparseTensor(
    { elementType, dims, ...(extra && { extra }) },
    values as SparseValues & TensorData,
    Uint32Array.from(places),
  );
}

/** How many values are stored of a tensor: of a sparse one those that are, of others all. */
export function valueCount(tensor: Pick<Tensor, 'dims'>): number {
  return tensor instanceof SparseTensor ? tensor.count : sizeOf(tensor.dims);
}

/** A sparse tensor with all its zeros; others as they are. */
export function laidOut(tensor: Tensor): Tensor {
  return tensor instanceof SparseTensor ? { ...tensor } : tensor;
}
