import { elementTypeOf } from '../graph/elementTypes.ts';
import type { ElementType, TensorData } from '../graph/types.ts';
import { TENSOR } from './fields.ts';
import { TensorProto_DataType } from './onnx_pb.ts';
import { malformed, type Reading } from './reading.ts';
import { countFixed, countIntegers, type Field, forEachInteger } from './wire.ts';

/*
 * How the numbers of a tensor are stored: as raw_data, or in one of the lists that serve several element types each.
 */

export type NumericType = Exclude<ElementType, 'string'>;
export type NumericData = Exclude<TensorData, string[]>;

/** What all typed arrays share. */
interface ArrayKind {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
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

/** The name of an ONNX element type for messages. */
export function typeName(code: number): string {
  return elementTypeOf(code) ?? TensorProto_DataType[code] ?? `number ${code}`;
}

/** How many values the list of a tensor has. Throws a UsageError when it is no such list. */
export function listLength(reading: Reading, { list }: Storage, fields: readonly Field[]): number {
  const bytes = bytesInList(list);
  return bytes === undefined ? countIntegers(reading, fields) : countFixed(reading, fields, bytes);
}

function bytesInList(list: number): 4 | 8 | undefined {
  if (list === TENSOR.floatData) return 4;
  return list === TENSOR.doubleData ? 8 : undefined;
}

/** The `count` values of a list; small integers travel as int32, and are refused where their own type cannot hold them. */
export function readList(
  reading: Reading,
  { kind, list }: Storage,
  fields: readonly Field[],
  count: number,
  what: string,
): NumericData {
  const bytes = new Uint8Array(count * kind.BYTES_PER_ELEMENT);
  const data = new kind(bytes.buffer, 0, count);
  if (bytesInList(list) !== undefined) {
    let at = 0;
    for (const field of fields) {
      bytes.set(reading.bytes.subarray(field.at, field.to), at);
      at += field.to - field.at;
    }
    return data;
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    forEachInteger(
      reading,
      fields,
      (reader) => BigInt(reader.int64()),
      (value, i) => {
        data[i] = value;
      },
    );
    return data;
  }
  const unsigned = list === TENSOR.uint64Data;
  forEachInteger(
    reading,
    fields,
    (reader) => (unsigned ? Number(reader.uint64()) : reader.int32()),
    (value, i) => {
      data[i] = value;
      if (data[i] !== value) {
        throw malformed(reading, fields[0]!.from, `${what} has value ${value}, out of the range of its type`);
      }
    },
  );
  return data;
}
