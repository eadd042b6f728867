import { elementTypeNumbers, elementTypeOf } from '../graph/elementTypes.ts';
import type { Dim, TensorType, ValueInfo } from '../graph/types.ts';
import { joined, putEncoded, putInt, putMessage, putName, putText, startWriting, type Writer } from './encode.ts';
import { DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE } from './fields.ts';
import { type Reading, startReading } from './reading.ts';
import { readCount, writeCount } from './scalars.ts';
import { typeName } from './storage.ts';
import {
  all,
  extraOf,
  type Field,
  int64In,
  last,
  type Message,
  messageIn,
  only,
  readFields,
  textIn,
  textOf,
} from './wire.ts';

/**
 * Marks the name of a dimension that the file leaves open. Such a name is made on reading, one for each open
 * dimension, and not written: two open dimensions need not be equal.
 */
const OPEN = '?';

/** Stands where nothing is known. */
const UNKNOWN: TensorType = { elementType: 'float32', shape: undefined };

/** A value at the border of a graph, or within; one that is no tensor is carried as it is. `describe` names it. */
export function readValueInfo(field: Field, describe: (name: string) => string, reading: Reading): ValueInfo {
  const message = messageIn(reading, field);
  const name = textOf(reading, message, VALUE.name);
  const what = describe(name);
  const typeField = only(reading, message, VALUE.type);
  const type = typeField ? readType(typeField, name, what, reading) : 'without a type';
  if (typeof type === 'string') {
    return { name, type: UNKNOWN, opaque: type, ...extraOf(reading, message, [], [VALUE.name]) };
  }
  // What a plain type cannot say (denotations, spellings of open dimensions) stays in the original, for as long as the
  // type is the same.
  const exact = typeField !== undefined && saysAll(type, reading.bytes.subarray(typeField.from, typeField.to), what);
  return { name, type, ...extraOf(reading, message, exact ? [VALUE.type] : [], [VALUE.name]) };
}

/** The type in a TypeProto, or what it is, in words, when it is no tensor of a type that can be read. */
function readType(field: Field, name: string, what: string, reading: Reading): TensorType | string {
  const message = messageIn(reading, field);
  const tensor = only(reading, message, TYPE.tensorType);
  if (tensor === undefined) {
    const other = message.fields.find(({ number }) => KINDS[number]);
    return other ? KINDS[other.number]! : 'without a type';
  }
  const parts = messageIn(reading, tensor);
  const code = last(parts, TENSOR_TYPE.elemType);
  const number = code ? Number(int64In(reading, code)) : 0;
  const elementType = elementTypeOf(number);
  if (elementType === undefined) return number === 0 ? 'without an element type' : `a tensor of ${typeName(number)}`;
  const shape = only(reading, parts, TENSOR_TYPE.shape);
  return { elementType, shape: shape && readShape(messageIn(reading, shape), name, what, reading) };
}

const KINDS: Readonly<Record<number, string>> = {
  [TYPE.sequenceType]: 'a sequence',
  [TYPE.mapType]: 'a map',
  [TYPE.optionalType]: 'an optional',
  [TYPE.sparseTensorType]: 'a sparse tensor',
  [TYPE.opaqueType]: 'of an opaque type',
};

function readShape(shape: Message, name: string, what: string, reading: Reading): Dim[] {
  return all(shape, SHAPE.dim).map((field, axis) => {
    const dim = messageIn(reading, field);
    const size = last(dim, DIMENSION.dimValue);
    const symbol = last(dim, DIMENSION.dimParam);
    // The two exclude each other; of several fields the last one counts.
    if (symbol !== undefined && symbol.from > (size?.from ?? -1)) {
      const text = textIn(reading, symbol);
      return text === '' || text.includes(OPEN) ? openDim(name, axis, reading) : text;
    }
    const value = size && int64In(reading, size);
    // Some exporters write -1 for an open dimension.
    if (value === undefined || value === -1n) return openDim(name, axis, reading);
    return readCount(value, `dimension ${axis} of ${what}`, reading, field.from);
  });
}

/** A name for an open dimension that no other has: `?input_0`. */
function openDim(name: string, axis: number, { openDims, openDimCounts }: Reading): string {
  // Products and sums of dimensions are spelled with these signs.
  const stem = `${OPEN}${name.replace(/[*+()]/g, '_')}_${axis}`;
  let dim = stem;
  let n = openDimCounts.get(stem) ?? 1;
  while (openDims.has(dim)) dim = `${stem}_${++n}`;
  openDimCounts.set(stem, n);
  openDims.add(dim);
  return dim;
}

/** Writes the fields of a ValueInfoProto; throws a SlimError for sizes that are no counts. */
export function writeValueInfo(writer: Writer, info: ValueInfo, what: string): void {
  const { name, type, opaque, extra } = info;
  if (extra === undefined) {
    putName(writer, VALUE.name, name);
    if (opaque === undefined) writeType(writer, type, what);
    return;
  }
  const reading = startReading(extra, what);
  const message = readFields(reading, 0, extra.byteLength);
  const original = last(message, VALUE.type);
  const unchanged = original && sameType(readType(original, name, what, reading), type);
  const keep = opaque !== undefined || unchanged;
  putEncoded(writer, keep ? extra : extraOf(reading, message, [VALUE.type]).extra);
  putName(writer, VALUE.name, name);
  if (!keep) writeType(writer, type, what);
}

function sameType(a: TensorType | string, b: TensorType): boolean {
  if (typeof a === 'string' || a.elementType !== b.elementType || a.shape?.length !== b.shape?.length) return false;
  return a.shape?.every((dim, axis) => dim === b.shape?.[axis] || (isOpen(dim) && isOpen(b.shape?.[axis]))) ?? true;
}

function isOpen(dim: Dim | undefined): boolean {
  return typeof dim === 'string' && dim.includes(OPEN);
}

/** The field of a ValueInfoProto that holds its type. */
function writeType(writer: Writer, { elementType, shape }: TensorType, what: string): void {
  putMessage(writer, VALUE.type, (type) =>
    putMessage(type, TYPE.tensorType, (tensor) => {
      putInt(tensor, TENSOR_TYPE.elemType, elementTypeNumbers[elementType]);
      if (shape === undefined) return;
      putMessage(tensor, TENSOR_TYPE.shape, (dims) => {
        for (const dim of shape) putMessage(dims, SHAPE.dim, (writer) => writeDim(writer, dim, what));
      });
    }),
  );
}

function writeDim(writer: Writer, dim: Dim, what: string): void {
  if (typeof dim === 'number') putInt(writer, DIMENSION.dimValue, writeCount(dim, `a dimension of ${what}`));
  else if (!isOpen(dim)) putText(writer, DIMENSION.dimParam, dim);
}

/** True when a type is all that the original field says. */
function saysAll(type: TensorType, original: Uint8Array, what: string): boolean {
  const writer = startWriting();
  writeType(writer, type, what);
  const bytes = joined(writer);
  return bytes.byteLength === original.byteLength && bytes.every((byte, i) => byte === original[i]);
}
