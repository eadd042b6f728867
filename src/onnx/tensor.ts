import { SlimError, UsageError } from '../base/errors.ts';
import { formatShape, sizeOf } from '../graph/dims.ts';
import { elementTypeNumbers, elementTypeOf } from '../graph/elementTypes.ts';
import type { ElementType, OpaqueTensor, Tensor, TensorData } from '../graph/types.ts';
import { DATA_LOCATION, DATA_TYPE, ENTRY, TENSOR } from './fields.ts';
import type { Field, Message } from './message.ts';
import { quoted } from './reading.ts';
import { listLength, readList, STORAGE, type Storage, viewOf } from './storage.ts';
import type { Writer } from './writer.ts';

const TYPE_NAMES = new Map(Object.entries(DATA_TYPE).map(([name, code]): [number, string] => [code, name]));
const EXTERNAL = BigInt(DATA_LOCATION.EXTERNAL);

/** A tensor of a file with its name. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor | OpaqueTensor;
}

/** Tells a tensor that cannot be read from one that can. */
export function isOpaque(tensor: Tensor | OpaqueTensor): tensor is OpaqueTensor {
  return 'kind' in tensor;
}

/** The name of an ONNX element type for messages. */
export function typeName(code: number): string {
  return elementTypeOf(code) ?? TYPE_NAMES.get(code) ?? `number ${code}`;
}

/**
 * The tensor of a TensorProto, which `describe` names. Its data are a view of the file's bytes where these are aligned
 * or can be, else a copy; it is read once. With `keepName` the name is part of `extra`, too, for tensors that have no
 * other place for it. A tensor that `Tensor` cannot hold is carried as it is. Throws a UsageError when the data do not
 * match the dims or cannot be reached.
 */
export function readTensor(message: Message, describe: (name: string) => string, keepName = false): NamedTensor {
  const name = message.text(TENSOR.name);
  const what = describe(name);
  const type = Number(message.int64(TENSOR.dataType));
  const dims = message.counts(TENSOR.dims, `a dimension of ${what}`);
  const elementType = elementTypeOf(type);
  const data =
    elementType === undefined || message.all(TENSOR.segment).length > 0
      ? undefined
      : readData(message, elementType, dims, what);
  if (elementType === undefined || data === undefined) {
    return { name, tensor: carry(message, `of element type ${typeName(type)}`, dims, what, keepName) };
  }
  const kept = [
    ...(keepName ? message.all(TENSOR.name) : []),
    ...(isExternal(message) ? [] : message.all(TENSOR.dataLocation)),
  ];
  return { name, tensor: { elementType, dims, data, ...message.extra(kept) } };
}

function isExternal(message: Message): boolean {
  return message.int64(TENSOR.dataLocation) === EXTERNAL;
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
): TensorData | undefined {
  const size = sizeOf(dims);
  const wrong = (got: string) => message.malformed(`${what} has ${got}, ${expected(elementType, dims)}`);
  const external = isExternal(message);
  if (elementType === 'string') {
    const data = message.tryTexts(TENSOR.stringData);
    if (external || data.length !== size) throw wrong(`${data.length} values`);
    return data.every((text) => text !== undefined) ? data : undefined;
  }
  const storage = STORAGE[elementType];
  const raw = message.last(TENSOR.rawData);
  const hasRaw = raw !== undefined && message.bytesIn(raw).byteLength > 0;
  const count = listLength(message, storage);
  if ((hasRaw || external) && (count > 0 || (hasRaw && external))) {
    throw message.malformed(`${what} has its values twice`);
  }
  if (external) {
    const region = readRegion(message, what);
    const length = size * storage.kind.BYTES_PER_ELEMENT;
    if (region.length !== undefined && region.length !== length) {
      throw wrong(`${region.length} bytes of external data`);
    }
    return viewOf(readExternal(message, { ...region, length }, what), storage);
  }
  if (!hasRaw) {
    if (count !== size) throw wrong(`${count} values`);
    return readList(message, storage, count, what);
  }
  const bytes = alignIn(message, raw, storage);
  const valueBytes = storage.kind.BYTES_PER_ELEMENT;
  if (bytes.byteLength % valueBytes !== 0) {
    throw message.malformed(`${what} has ${bytes.byteLength} bytes of raw_data, expected a multiple of ${valueBytes}`);
  }
  if (bytes.byteLength !== size * valueBytes) throw wrong(`${bytes.byteLength / valueBytes} values`);
  return viewOf(bytes, storage);
}

/**
 * A field's bytes at a multiple of the element size, if they may be moved: over the end of the field's own header, which
 * nobody reads afterwards, as far as that is long enough. Else where they are.
 */
function alignIn(message: Message, field: Field, { kind }: Storage): Uint8Array {
  const { bytes, ownsBytes } = message.reading;
  const raw = message.bytesIn(field);
  const shift = raw.byteOffset % kind.BYTES_PER_ELEMENT;
  if (shift === 0 || !ownsBytes || shift > field.at - field.from) return raw;
  bytes.copyWithin(field.at - shift, field.at, field.to);
  return bytes.subarray(field.at - shift, field.to - shift);
}

/** Where a tensor's values lie. */
interface Region {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** The region that the `external_data` of a tensor names; throws a UsageError for offsets and lengths that are none. */
function readRegion(tensor: Message, what: string): Region {
  const values = new Map(
    tensor.map(TENSOR.externalData, (entry): [string, string] => [entry.text(ENTRY.key), entry.text(ENTRY.value)]),
  );
  const count = (key: string) => {
    const text = values.get(key);
    if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
    throw tensor.malformed(`the ${key} of the external data of ${what} is ${quoted(text)}`);
  };
  return { location: values.get('location') ?? '', offset: count('offset') ?? 0, length: count('length') };
}

/** The bytes of a region; throws a UsageError that says why they cannot be read. */
function readExternal({ reading }: Message, { location, offset, length }: Region, what: string): Uint8Array {
  const found =
    reading.external?.read(location, offset, length) ??
    'a model in memory has no such files; load it by its path, or store it as one file first, for example in Python ' +
      'with onnx.save(onnx.load(path), new_path)';
  if (typeof found !== 'string') return found;
  const place = `keeps its values in another file (external data), ${quoted(location)}`;
  throw new UsageError(`cannot read ${reading.source}: ${what} ${place}: ${found}`);
}

/** A tensor that cannot be read; external data become part of it. */
function carry(message: Message, kind: string, dims: readonly number[], what: string, keepName: boolean): OpaqueTensor {
  const external = isExternal(message);
  const rawField = message.last(TENSOR.rawData);
  const apart: number[] = [TENSOR.rawData, ...(keepName ? [] : [TENSOR.name])];
  if (external) apart.push(TENSOR.externalData, TENSOR.dataLocation);
  const raw = external ? readExternal(message, readRegion(message, what), what) : rawField && message.bytesIn(rawField);
  return { kind, sparse: false, dims, fields: message.without(...apart), ...(raw && { raw }) };
}

/** Takes raw_data that are to lie in a data file, and says where; undefined for those that stay in the model. */
export type Outside = (raw: Uint8Array) => Region | undefined;

/**
 * Writes the fields of a TensorProto; numbers become raw_data, a view of the tensor's own data, or go `outside`.
 * Throws a SlimError when the data do not match type and dims.
 */
export function writeTensor(writer: Writer, tensor: Tensor, name: string, what: string, outside?: Outside): void {
  const { elementType, dims, data } = tensor;
  writer.encoded(tensor.extra);
  for (const dim of dims) writer.count(TENSOR.dims, dim, `a dimension of ${what}`);
  if (data.length !== sizeOf(dims)) {
    throw new SlimError(`cannot write ${what}: it has ${data.length} values, ${expected(elementType, dims)}`);
  }
  if (!(data instanceof (elementType === 'string' ? Array : STORAGE[elementType].kind))) {
    throw new SlimError(
      `cannot write ${what}: an array of kind ${data.constructor.name} does not hold ${elementType} values`,
    );
  }
  writer.int(TENSOR.dataType, elementTypeNumbers[elementType]);
  writer.name(TENSOR.name, name);
  if (Array.isArray(data)) {
    for (const text of data) writer.utf8(TENSOR.stringData, text, what);
    return;
  }
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const region = outside?.(raw);
  if (region === undefined) {
    writer.bytes(TENSOR.rawData, raw);
    return;
  }
  for (const [key, value] of Object.entries(region)) writer.entry(TENSOR.externalData, key, String(value));
  writer.int(TENSOR.dataLocation, EXTERNAL);
}

/** Writes the fields of a tensor that was carried. */
export function writeOpaque(writer: Writer, tensor: OpaqueTensor, name: string): void {
  writer.encoded(tensor.fields);
  if (!tensor.sparse) writer.name(TENSOR.name, name);
  if (tensor.raw) writer.bytes(TENSOR.rawData, tensor.raw);
}
