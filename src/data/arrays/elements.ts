import { SlimError } from '../../base/errors.ts';
import { formatShape, sizeOf } from '../../graph/dims.ts';
import type { Tensor } from '../../graph/types.ts';
import { type NumericType, STORAGE, viewOf } from '../../onnx/storage.ts';

/** Bytes that one element takes in a file. */
export function bytesPerElement(elementType: NumericType): number {
  return STORAGE[elementType].kind.BYTES_PER_ELEMENT;
}

/**
 * The tensor whose elements are some bytes, a view of them where they are aligned; they lie at `offset` of the file.
 * Throws what `wrong` makes of a bool that is neither 0 nor 1.
 */
export function tensorOf(
  elementType: NumericType,
  dims: readonly number[],
  bytes: Uint8Array,
  offset: number,
  wrong: (problem: string) => Error,
): Tensor {
  const data = viewOf(bytes, STORAGE[elementType]);
  const bad = elementType === 'bool' ? data.findIndex((value: number | bigint) => value !== 0 && value !== 1) : -1;
  if (bad >= 0) throw wrong(`bool element ${bad} is ${data[bad]}, expected 0 or 1 (offset ${offset + bad})`);
  return { elementType, dims, data };
}

/** The bytes of a tensor for a file, without a copy; throws a SlimError when type, shape and data do not agree. */
export function bytesOf(tensor: Tensor, name: string): { elementType: NumericType; bytes: Uint8Array } {
  const { elementType, dims, data } = tensor;
  if (elementType === 'string') throw new SlimError(`cannot write array '${name}': text has no place in array files`);
  const { kind } = STORAGE[elementType];
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
