import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBinary, type Message } from '@bufbuild/protobuf';
import {
  ModelProtoSchema,
  type SparseTensorProto,
  TensorProto_DataType as T,
  type TensorProto,
  TensorProto_DataLocation,
} from '../../src/onnx/onnx_pb.ts';

/**
 * What an ONNX file says, as the protobuf library decodes it, in a form in which two files that mean the same are equal:
 * numbers as bytes wherever the file keeps them, things that have a name in the order of their names, unknown fields as
 * bytes. `folder` is where its data files lie.
 */
export function meaning(bytes: Uint8Array, folder = ''): unknown {
  return plain(fromBinary(ModelProtoSchema, bytes), folder);
}

/** Lists of which the order means nothing, by their keys. */
const UNORDERED: ReadonlyMap<string, (item: Record<string, unknown>) => string> = new Map(
  Object.entries({
    initializer: 'name',
    sparseInitializer: 'values',
    valueInfo: 'name',
    attribute: 'name',
    attributeProto: 'name',
    metadataProps: 'key',
    opsetImport: 'domain',
  }).map(([list, key]) => [list, (item) => JSON.stringify(item[key] ?? '')]),
);

function plain(value: unknown, folder: string): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map((item) => plain(item, folder));
  if (typeof value !== 'object' || value === null) return value;
  if (isSparseTensor(value)) return { ...objectOf(value, folder), indices: flatIndices(value, folder) };
  return objectOf(value, folder);
}

function objectOf(value: object, folder: string): object {
  const source = isTensor(value) ? { ...value, ...numbersAsBytes(value, folder) } : value;
  const entries = Object.entries(source).flatMap(([key, part]): [string, unknown][] => {
    if (key === '$unknown') return [[key, unknownFields(part)]];
    const isList = Array.isArray(part);
    if (part === undefined || key.startsWith('$') || (isList && part.length === 0)) return [];
    // The operators of ONNX: both spellings of their domain, or none.
    if (key === 'domain' && (part === '' || part === 'ai.onnx')) return [];
    const inner = plain(part, folder);
    const keyOf = UNORDERED.get(key);
    if (!keyOf || !Array.isArray(inner) || typeof inner[0] === 'string') return [[key, inner]];
    return [[key, inner.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))]];
  });
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function unknownFields(fields: unknown): unknown {
  return (fields as NonNullable<Message['$unknown']>).map(
    ({ no, wireType, data }) => `${no} ${wireType} ${Buffer.from(data).toString('hex')}`,
  );
}

function isTensor(value: object): value is TensorProto {
  return '$typeName' in value && value.$typeName === 'onnx.TensorProto';
}

function isSparseTensor(value: object): value is SparseTensorProto {
  return '$typeName' in value && value.$typeName === 'onnx.SparseTensorProto';
}

/** The places of a sparse tensor's values by one number each, also where the file has one for each axis. */
function flatIndices({ indices, dims }: SparseTensorProto, folder: string): number[] {
  const { rawData } = { ...indices!, ...numbersAsBytes(indices!, folder) } as TensorProto;
  const numbers = Array.from(new BigInt64Array(Uint8Array.from(rawData).buffer), Number);
  const axes = indices!.dims.length === 1 ? 1 : dims.length;
  return Array.from({ length: numbers.length / axes }, (_, i) =>
    numbers.slice(i * axes, (i + 1) * axes).reduce((flat, place, axis) => flat * Number(dims[axis]) + place, 0),
  );
}

/** The values of a tensor as `rawData`, and neither lists nor a data file. */
function numbersAsBytes(tensor: TensorProto, folder: string): Partial<Record<keyof TensorProto, unknown>> {
  const none = { floatData: [], int32Data: [], int64Data: [], doubleData: [], uint64Data: [] };
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const entry = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
    const offset = Number(entry.get('offset') ?? 0);
    const file = readFileSync(join(folder, entry.get('location') ?? ''));
    const length = Number(entry.get('length') ?? file.byteLength - offset);
    const rawData = new Uint8Array(file.subarray(offset, offset + length));
    return { ...none, rawData, externalData: [], dataLocation: undefined };
  }
  if (tensor.rawData.byteLength > 0 || !READABLE.includes(tensor.dataType)) return {};
  const raw = listBytes(tensor);
  return raw && { ...none, rawData: raw };
}

const READABLE: readonly number[] = [
  T.FLOAT,
  T.DOUBLE,
  T.FLOAT16,
  T.BFLOAT16,
  T.INT8,
  T.UINT8,
  T.INT16,
  T.UINT16,
  T.INT32,
  T.UINT32,
  T.INT64,
  T.UINT64,
  T.BOOL,
];

function listBytes({ dataType, floatData, doubleData, int32Data, int64Data, uint64Data }: TensorProto): Uint8Array {
  switch (dataType) {
    case T.FLOAT:
      return new Uint8Array(Float32Array.from(floatData).buffer);
    case T.DOUBLE:
      return new Uint8Array(Float64Array.from(doubleData).buffer);
    case T.INT64:
      return new Uint8Array(BigInt64Array.from(int64Data).buffer);
    case T.UINT64:
      return new Uint8Array(BigUint64Array.from(uint64Data).buffer);
    case T.UINT32:
      return new Uint8Array(Uint32Array.from(uint64Data, Number).buffer);
    case T.INT32:
      return new Uint8Array(Int32Array.from(int32Data).buffer);
    case T.INT8:
    case T.UINT8:
    case T.BOOL:
      return Uint8Array.from(int32Data);
    default:
      return new Uint8Array(Uint16Array.from(int32Data).buffer);
  }
}
