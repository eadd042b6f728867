import { sizeOf } from './dims.ts';
import type { ElementType, Tensor, TensorData } from './types.ts';

/** What holds the values of each element type. */
export const KINDS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<Exclude<ElementType, 'string'>, unknown>;

/** Values that can be copied one by one whatever their type. */
export type WritableData = { [index: number]: number | bigint | string } & TensorData;

/** Zeros (empty strings) of an element type. */
export function emptyData(elementType: ElementType, length: number): WritableData {
  const data = elementType === 'string' ? new Array<string>(length).fill('') : new KINDS[elementType](length);
  return data as WritableData;
}

/** Distance in elements of neighbours along each axis, in row-major order. */
export function stridesOf(dims: readonly number[]): number[] {
  return dims.map((_, axis) => sizeOf(dims.slice(axis + 1)));
}

/** A tensor with only the listed indices of each axis, in their order; undefined keeps an axis whole. */
export function sliceTensor(tensor: Tensor, keep: readonly (readonly number[] | undefined)[]): Tensor {
  const { elementType, dims, data } = tensor;
  const lists = dims.map((size, axis) => keep[axis] ?? Array.from({ length: size }, (_, i) => i));
  const kept = lists.map((l) => l.length);
  const out = emptyData(elementType, sizeOf(kept));
  const strides = stridesOf(dims);
  const last = lists[lists.length - 1] ?? [0];
  let at = 0;
  const copy = (axis: number, offset: number): void => {
    if (axis >= dims.length - 1) {
      for (const i of last) out[at++] = data[offset + i]!;
      return;
    }
    for (const i of lists[axis]!) copy(axis + 1, offset + i * strides[axis]!);
  };
  copy(0, 0);
  return { ...tensor, dims: kept, data: out };
}

/** Element [i, j, …] is that at `offset` + i · strides[0] + j · strides[1] + …; not copied where it lies in order. */
export function stridedTensor(
  { elementType, data }: Tensor,
  dims: readonly number[],
  strides: readonly number[],
  offset = 0,
): Tensor {
  const size = sizeOf(dims);
  const plain = stridesOf(dims);
  if (size > 0 && dims.every((d, axis) => d === 1 || strides[axis] === plain[axis])) {
    const whole = offset === 0 && size === data.length;
    const part = Array.isArray(data) ? data.slice(offset, offset + size) : data.subarray(offset, offset + size);
    return { elementType, dims, data: whole ? data : part };
  }
  const out = emptyData(elementType, size);
  let at = 0;
  const copy = (axis: number, from: number): void => {
    if (axis === dims.length) {
      out[at++] = data[from]!;
      return;
    }
    for (let i = 0; i < dims[axis]!; i++) copy(axis + 1, from + i * strides[axis]!);
  };
  if (size > 0) copy(0, offset);
  return { elementType, dims, data: out };
}

/** A matrix [I, J] as [J, I]. */
export function transposedMatrix(matrix: Tensor): Tensor {
  const [rows, columns] = matrix.dims as [number, number];
  return stridedTensor(matrix, [columns, rows], [1, columns]);
}

/** Tensors of one type, of the same sizes but along `axis`, one behind the other along that axis. */
export function concatTensors(tensors: readonly [Tensor, ...Tensor[]], axis: number): Tensor {
  const [first] = tensors;
  const length = tensors.reduce((sum, { dims }) => sum + dims[axis]!, 0);
  const dims = first.dims.map((size, i) => (i === axis ? length : size));
  const out = emptyData(first.elementType, sizeOf(dims));
  const rows = sizeOf(dims.slice(0, axis));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const piece of tensors) {
      const width = sizeOf(piece.dims.slice(axis));
      for (let i = row * width; i < (row + 1) * width; i++) out[at++] = piece.data[i]!;
    }
  }
  return { elementType: first.elementType, dims, data: out };
}
