import { SlimError } from '../../base/errors.ts';
import { formatShape, sizeOf } from '../../graph/dims.ts';
import type { ElementType, Tensor, TensorData } from '../../graph/types.ts';

/** Element types that files of arrays hold: all but text. */
export type NumericType = Exclude<ElementType, 'string'>;

type NumericData = Exclude<TensorData, string[]>;

interface ArrayKind {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): NumericData;
}

// Typed arrays are taken to be little-endian, as the files are.
const KINDS: Readonly<Record<NumericType, ArrayKind>> = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Bytes that one element takes in a file. */
export function bytesPerElement(elementType: NumericType): number {
  return KINDS[elementType].BYTES_PER_ELEMENT;
}

/** The elements that the bytes of a whole buffer stand for, without a copy. */
export function elementsOf(elementType: NumericType, buffer: ArrayBuffer): NumericData {
  return new KINDS[elementType](buffer);
}

/** The bytes of a tensor for a file, without a copy; throws a SlimError when type, shape and data do not agree. */
export function bytesOf(tensor: Tensor, name: string): { elementType: NumericType; bytes: Uint8Array } {
  const { elementType, dims, data } = tensor;
  if (elementType === 'string') throw new SlimError(`cannot write array '${name}': text has no place in array files`);
  const kind = KINDS[elementType];
  if (Array.isArray(data) || !(data instanceof kind)) {
    const expected = `expected ${kind.name} for ${elementType}`;
    throw new SlimError(`cannot write array '${name}': its data are of kind ${data.constructor.name}, ${expected}`);
  }
  if (data.length !== sizeOf(dims)) {
    const expected = `expected ${sizeOf(dims)} for shape ${formatShape(dims)}`;
    throw new SlimError(`cannot write array '${name}': it has ${data.length} elements, ${expected}`);
  }
  return { elementType, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** Index of the first byte of a bool array that is neither 0 nor 1, or -1. */
export function firstBadBool(elementType: NumericType, data: NumericData): number {
  return elementType === 'bool' ? data.findIndex((value: number | bigint) => value !== 0 && value !== 1) : -1;
}
