import type { BinaryReader } from '@bufbuild/protobuf/wire';
import type { ElementType, TensorData } from '../graph/types.ts';
import { TENSOR } from './fields.ts';
import type { Message } from './message.ts';

/*
 * How the numbers of a tensor are stored: as raw_data, or in one of the lists that serve several element types each.
 */

export type NumericType = Exclude<ElementType, 'string'>;
type NumericData = Exclude<TensorData, string[]>;

/** What all typed arrays share. */
interface ArrayKind {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
}

/** The typed array for one element type (little-endian, as raw_data is), and the field of its list. */
export interface Storage {
  readonly kind: ArrayKind;
  readonly list: number;
}

/** Storage by element type. */
export const STORAGE: Readonly<Record<NumericType, Storage>> = {
  float32: { kind: Float32Array, list: TENSOR.floatData },
  float64: { kind: Float64Array, list: TENSOR.doubleData },
  float16: { kind: Uint16Array, list: TENSOR.int32Data },
  bfloat16: { kind: Uint16Array, list: TENSOR.int32Data },
  int8: { kind: Int8Array, list: TENSOR.int32Data },
  uint8: { kind: Uint8Array, list: TENSOR.int32Data },
  int16: { kind: Int16Array, list: TENSOR.int32Data },
  uint16: { kind: Uint16Array, list: TENSOR.int32Data },
  int32: { kind: Int32Array, list: TENSOR.int32Data },
  uint32: { kind: Uint32Array, list: TENSOR.uint64Data },
  int64: { kind: BigInt64Array, list: TENSOR.int64Data },
  uint64: { kind: BigUint64Array, list: TENSOR.uint64Data },
  bool: { kind: Uint8Array, list: TENSOR.int32Data },
};

/** Bytes of each value in the lists whose values all have the same number of them. */
const FIXED_SIZES: ReadonlyMap<number, 4 | 8> = new Map([
  [TENSOR.floatData, 4],
  [TENSOR.doubleData, 8],
]);

/** The numbers that some bytes stand for, without a copy where they lie at a multiple of their size. */
export function viewOf(raw: Uint8Array, { kind }: Storage): NumericData {
  const aligned = raw.byteOffset % kind.BYTES_PER_ELEMENT === 0 ? raw : raw.slice();
  return new kind(aligned.buffer, aligned.byteOffset, raw.byteLength / kind.BYTES_PER_ELEMENT);
}

/** How many values the list of a tensor has. Throws a UsageError when it is no such list. */
export function listLength(tensor: Message, { list }: Storage): number {
  const size = FIXED_SIZES.get(list);
  if (size !== undefined) return tensor.countFixed(list, size);
  let count = 0;
  const skip = (reader: BinaryReader) => reader.int32();
  tensor.forEachInteger(list, skip, () => count++);
  return count;
}

/** The `count` values of a list; small integers travel as int32, and are refused where their own type cannot hold them. */
export function readList(tensor: Message, { kind, list }: Storage, count: number, what: string): NumericData {
  const bytes = new Uint8Array(count * kind.BYTES_PER_ELEMENT);
  const data = new kind(bytes.buffer);
  if (FIXED_SIZES.has(list)) {
    let at = 0;
    for (const field of tensor.all(list)) {
      bytes.set(tensor.reading.bytes.subarray(field.at, field.to), at);
      at += field.to - field.at;
    }
  } else if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    const read = (reader: BinaryReader) => BigInt(reader.int64());
    tensor.forEachInteger(list, read, (value, i) => {
      data[i] = value;
    });
  } else {
    const unsigned = list === TENSOR.uint64Data;
    const read = (reader: BinaryReader) => (unsigned ? Number(reader.uint64()) : reader.int32());
    tensor.forEachInteger(list, read, (value, i) => {
      data[i] = value;
      if (data[i] !== value) throw tensor.malformed(`${what} has value ${value}, out of the range of its type`);
    });
  }
  return data;
}
