import { SlimError } from '../base/errors.ts';
import { formatShape, sizeOf } from '../graph/dims.ts';
import { elementTypeNumbers, elementTypeOf } from '../graph/elementTypes.ts';
import type { ElementType, OpaqueTensor, Tensor, TensorData } from '../graph/types.ts';
import { putBytes, putEncoded, putInt, putMessage, putName, putText, type Writer } from './encode.ts';
import { type Region, readExternal, readRegion } from './external.ts';
import { ENTRY, SPARSE, TENSOR } from './fields.ts';
import { TensorProto_DataLocation } from './onnx_pb.ts';
import { malformed, type Reading } from './reading.ts';
import { readCount, writeCount, writeText } from './scalars.ts';
import {
  listLength,
  type NumericData,
  type NumericType,
  readList,
  STORAGE,
  type Storage,
  typeName,
} from './storage.ts';
import {
  all,
  bytesIn,
  extraOf,
  type Field,
  int64In,
  integersIn,
  joinFields,
  last,
  type Message,
  messageIn,
  textOf,
  tryTextIn,
} from './wire.ts';

const EXTERNAL = BigInt(TensorProto_DataLocation.EXTERNAL);

/** A tensor of a file with its name. */
export interface NamedTensor<T> {
  readonly name: string;
  readonly tensor: T;
}

/** Tells a tensor that cannot be read from one that can. */
export function isOpaque(tensor: Tensor | OpaqueTensor): tensor is OpaqueTensor {
  return 'kind' in tensor;
}

/**
 * The tensor of a TensorProto, which `describe` names. Its data are a view of the file's bytes where these are aligned
 * or can be, else a copy; it is read once. With `keepName` the name is part of `extra`, too, for tensors that have no
 * other place for it. A tensor that `Tensor` cannot hold is carried as it is. Throws a UsageError when the data do not
 * match the dims or cannot be reached.
 */
export function readTensor(
  field: Field,
  describe: (name: string) => string,
  reading: Reading,
  keepName = false,
): NamedTensor<Tensor | OpaqueTensor> {
  const message = messageIn(reading, field);
  const name = textOf(reading, message, TENSOR.name);
  const what = describe(name);
  const code = last(message, TENSOR.dataType);
  const type = code ? Number(int64In(reading, code)) : 0;
  const dims = readDims(reading, message, TENSOR.dims, what);
  const elementType = elementTypeOf(type);
  const data =
    elementType === undefined || all(message, TENSOR.segment).length > 0
      ? undefined
      : readData(message, elementType, dims, what, reading);
  if (elementType === undefined || data === undefined) {
    return { name, tensor: carry(message, `of element type ${typeName(type)}`, dims, what, reading, keepName) };
  }
  if (data.length !== sizeOf(dims)) throw wrongCount(message, data.length, elementType, dims, what, reading);
  const understood = [TENSOR.dims, TENSOR.dataType, TENSOR.rawData, ...dataFields(elementType)];
  if (isExternal(reading, message)) understood.push(TENSOR.externalData, TENSOR.dataLocation);
  const extra = keepName ? extraOf(reading, message, understood) : extraOf(reading, message, understood, [TENSOR.name]);
  return { name, tensor: { elementType, dims, data, ...extra } };
}

/** The dimensions in a list of integers. */
function readDims(reading: Reading, message: Message, number: number, what: string): number[] {
  return integersIn(reading, all(message, number), (dim) =>
    readCount(dim, `a dimension of ${what}`, reading, message.from),
  );
}

function dataFields(elementType: ElementType): number[] {
  return [elementType === 'string' ? TENSOR.stringData : STORAGE[elementType].list];
}

function isExternal(reading: Reading, message: Message): boolean {
  const location = last(message, TENSOR.dataLocation);
  return location !== undefined && int64In(reading, location) === EXTERNAL;
}

function wrongCount(
  { from }: Message,
  count: number,
  elementType: ElementType,
  dims: readonly number[],
  what: string,
  reading: Reading,
) {
  return malformed(reading, from, `${what} has ${count} values, ${expected(elementType, dims)}`);
}

function expected(elementType: ElementType, dims: readonly number[]): string {
  const shape = dims.length > 12 ? `${dims.length} dimensions` : formatShape(dims);
  return `expected ${sizeOf(dims)} for ${elementType} ${shape}`;
}

/** The values of a tensor; undefined for strings that are not UTF-8. Nothing is allocated before their number fits. */
function readData(
  message: Message,
  elementType: ElementType,
  dims: readonly number[],
  what: string,
  reading: Reading,
): TensorData | undefined {
  const external = isExternal(reading, message);
  if (elementType === 'string') {
    const texts = all(message, TENSOR.stringData);
    if (external || texts.length !== sizeOf(dims)) {
      throw wrongCount(message, texts.length, elementType, dims, what, reading);
    }
    const data = texts.map((text) => tryTextIn(reading, text));
    return data.every((text) => text !== undefined) ? data : undefined;
  }
  const storage = STORAGE[elementType];
  const list = all(message, storage.list);
  const rawField = last(message, TENSOR.rawData);
  const raw = rawField && bytesIn(reading, rawField);
  const count = list.length === 0 ? 0 : listLength(reading, storage, list);
  if ((raw !== undefined && raw.byteLength > 0) || external) {
    if (count > 0 || (external && raw?.byteLength))
      throw malformed(reading, message.from, `${what} has its values twice`);
    if (!external) return viewOf(alignIn(reading, rawField!, storage), message, elementType, what, reading);
    const region = readRegion(all(message, TENSOR.externalData), message.from, what, reading);
    const length = sizeOf(dims) * storage.kind.BYTES_PER_ELEMENT;
    if (region.length !== undefined && region.length !== length) {
      const got = `${what} has ${region.length} bytes of external data`;
      throw malformed(reading, message.from, `${got}, ${expected(elementType, dims)}`);
    }
    return viewOf(readExternal({ ...region, length }, what, reading), message, elementType, what, reading);
  }
  if (count !== sizeOf(dims)) throw wrongCount(message, count, elementType, dims, what, reading);
  return readList(reading, storage, list, count, what);
}

function viewOf(raw: Uint8Array, { from }: Message, type: NumericType, what: string, reading: Reading): NumericData {
  const { kind } = STORAGE[type];
  const size = kind.BYTES_PER_ELEMENT;
  if (raw.byteLength % size !== 0) {
    const got = `${what} has ${raw.byteLength} bytes of raw_data`;
    throw malformed(reading, from, `${got}, expected a multiple of ${size}`);
  }
  const aligned = raw.byteOffset % size === 0 ? raw : raw.slice();
  return new kind(aligned.buffer, aligned.byteOffset, raw.byteLength / size);
}

/**
 * A field's bytes at a multiple of the element size, if they may be moved: over the end of the field's own header, which
 * nobody reads afterwards, as far as that is long enough. Else where they are.
 */
function alignIn(reading: Reading, field: Field, { kind }: Storage): Uint8Array {
  const raw = bytesIn(reading, field);
  const shift = raw.byteOffset % kind.BYTES_PER_ELEMENT;
  if (shift === 0 || !reading.ownsBytes || shift > field.at - field.from) return raw;
  reading.bytes.copyWithin(field.at - shift, field.at, field.to);
  return reading.bytes.subarray(field.at - shift, field.to - shift);
}

/** A tensor that cannot be read; external data become part of it. */
function carry(
  message: Message,
  kind: string,
  dims: readonly number[],
  what: string,
  reading: Reading,
  keepName: boolean,
): OpaqueTensor {
  const external = isExternal(reading, message);
  const rawField = last(message, TENSOR.rawData);
  const apart: number[] = [TENSOR.rawData];
  if (!keepName) apart.push(TENSOR.name);
  if (external) apart.push(TENSOR.externalData, TENSOR.dataLocation);
  const fields = message.fields.filter(({ number }) => !apart.includes(number));
  const raw = external
    ? readExternal(readRegion(all(message, TENSOR.externalData), message.from, what, reading), what, reading)
    : rawField && bytesIn(reading, rawField);
  return { kind, sparse: false, dims, fields: joinFields(reading, fields), ...(raw && { raw }) };
}

/** A SparseTensorProto, which is carried as it is; it has the name of its values. */
export function readSparse(
  field: Field,
  describe: (name: string) => string,
  reading: Reading,
): NamedTensor<OpaqueTensor> {
  const message = messageIn(reading, field);
  const values = last(message, SPARSE.values);
  const name = values ? textOf(reading, messageIn(reading, values), TENSOR.name) : '';
  const dims = readDims(reading, message, SPARSE.dims, describe(name));
  return { name, tensor: { kind: 'sparse', sparse: true, dims, fields: bytesIn(reading, field).slice() } };
}

/** Takes raw_data that are to lie in a data file, and says where; undefined for those that stay in the model. */
export type Outside = (raw: Uint8Array) => Region | undefined;

/**
 * Writes the fields of a TensorProto; numbers become raw_data, a view of the tensor's own data, or go `outside`.
 * Throws a SlimError when the data do not match type and dims.
 */
export function writeTensor(writer: Writer, tensor: Tensor, name: string, what: string, outside?: Outside): void {
  const raw = writeHead(writer, tensor, name, what);
  const region = raw && outside?.(raw);
  if (region) {
    for (const [key, value] of Object.entries(region)) {
      putMessage(writer, TENSOR.externalData, (entry) => {
        putText(entry, ENTRY.key, key);
        putText(entry, ENTRY.value, String(value));
      });
    }
    putInt(writer, TENSOR.dataLocation, EXTERNAL);
  } else if (raw) putBytes(writer, TENSOR.rawData, raw);
}

/** Writes all but the raw_data, which it returns; undefined when there are none. */
function writeHead(writer: Writer, tensor: Tensor, name: string, what: string): Uint8Array | undefined {
  const { elementType, dims, data } = tensor;
  putEncoded(writer, tensor.extra);
  for (const dim of dims) putInt(writer, TENSOR.dims, writeCount(dim, `a dimension of ${what}`));
  if (data.length !== sizeOf(dims)) {
    throw new SlimError(`cannot write ${what}: it has ${data.length} values, ${expected(elementType, dims)}`);
  }
  putInt(writer, TENSOR.dataType, elementTypeNumbers[elementType]);
  putName(writer, TENSOR.name, name);
  if (elementType === 'string') {
    if (!Array.isArray(data)) throw mismatch(elementType, data, what);
    for (const text of data) putBytes(writer, TENSOR.stringData, writeText(text, what));
    return undefined;
  }
  if (Array.isArray(data) || !(data instanceof STORAGE[elementType].kind)) throw mismatch(elementType, data, what);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function mismatch(elementType: ElementType, data: TensorData, what: string): SlimError {
  return new SlimError(
    `cannot write ${what}: an array of kind ${data.constructor.name} does not hold ${elementType} values`,
  );
}

/** Writes the fields of a tensor that was carried. */
export function writeOpaque(writer: Writer, tensor: OpaqueTensor, name: string): void {
  putEncoded(writer, tensor.fields);
  if (!tensor.sparse) putName(writer, TENSOR.name, name);
  if (tensor.raw) putBytes(writer, TENSOR.rawData, tensor.raw);
}
