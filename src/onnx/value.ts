import { elementTypeNumbers, elementTypeOf } from '../graph/elementTypes.ts';
import type { Dim, TensorType, ValueInfo } from '../graph/types.ts';
import { DIMENSION, SHAPE, TENSOR_TYPE, TYPE, VALUE } from './fields.ts';
import { Message } from './message.ts';
import { type Reading, startReading } from './reading.ts';
import { typeName } from './tensor.ts';
import { encoded, type Writer } from './writer.ts';

/**
 * Marks the name of a dimension that the file leaves open. Such a name is made on reading, one for each open
 * dimension, and not written: two open dimensions need not be equal.
 */
const OPEN = '?';

/** Stands where nothing is known. */
const UNKNOWN: TensorType = { elementType: 'float32', shape: undefined };

/** A value at the border of a graph, or within; one that is no tensor is carried as it is. `describe` names it. */
export function readValueInfo(message: Message, describe: (name: string) => string): ValueInfo {
  const name = message.text(VALUE.name);
  const what = describe(name);
  const original = message.only(VALUE.type);
  const type = original ? readType(original, name, what) : 'without a type';
  if (typeof type === 'string') return { name, type: UNKNOWN, opaque: type, ...message.extra([original?.field]) };
  // What a plain type cannot say (denotations, spellings of open dimensions) stays in the original, for as long as the
  // type is the same.
  const isExact = original !== undefined && saysAll(type, original, what);
  return { name, type, ...message.extra(isExact ? [] : [original?.field]) };
}

/** The type in a TypeProto, or what it is, in words, when it is no tensor of a type that can be read. */
function readType(message: Message, name: string, what: string): TensorType | string {
  const tensor = message.only(TYPE.tensorType);
  if (tensor === undefined) {
    const other = message.fields.find(({ number }) => KINDS[number]);
    return other ? KINDS[other.number]! : 'without a type';
  }
  const number = Number(tensor.int64(TENSOR_TYPE.elemType));
  const elementType = elementTypeOf(number);
  if (elementType === undefined) return number === 0 ? 'without an element type' : `a tensor of ${typeName(number)}`;
  const shape = tensor.only(TENSOR_TYPE.shape);
  return { elementType, shape: shape?.map(SHAPE.dim, (dim, axis) => readDim(dim, axis, name, what)) };
}

const KINDS: Readonly<Record<number, string>> = {
  [TYPE.sequenceType]: 'a sequence',
  [TYPE.mapType]: 'a map',
  [TYPE.optionalType]: 'an optional',
  [TYPE.sparseTensorType]: 'a sparse tensor',
  [TYPE.opaqueType]: 'of an opaque type',
};

function readDim(dim: Message, axis: number, name: string, what: string): Dim {
  const [size, symbol] = [dim.last(DIMENSION.dimValue), dim.last(DIMENSION.dimParam)];
  // The two exclude each other; of several fields the last one counts.
  if (symbol !== undefined && symbol.from > (size?.from ?? -1)) {
    const text = dim.text(DIMENSION.dimParam);
    return text === '' || text.includes(OPEN) ? openDim(name, axis, dim.reading) : text;
  }
  // Some exporters write -1 for an open dimension.
  if (size === undefined || dim.int64(DIMENSION.dimValue) === -1n) return openDim(name, axis, dim.reading);
  return dim.count(DIMENSION.dimValue, `dimension ${axis} of ${what}`);
}

/** A name for an open dimension that no other has: `?input_0`. */
function openDim(name: string, axis: number, { openDims }: Reading): string {
  // Products and sums of dimensions are spelled with these signs.
  const stem = `${OPEN}${name.replace(/[*+()]/g, '_')}_${axis}`;
  let dim = stem;
  let n = openDims.get(stem) ?? 1;
  while (openDims.has(dim)) dim = `${stem}_${++n}`;
  openDims.set(dim, 1);
  openDims.set(stem, n);
  return dim;
}

/** Writes the fields of a ValueInfoProto; throws a SlimError for sizes that are no counts. */
export function writeValueInfo(writer: Writer, { name, type, opaque, extra }: ValueInfo, what: string): void {
  const before = extra && new Message(startReading(extra, what));
  const original = before?.only(VALUE.type);
  const isOriginal = opaque !== undefined || (original && sameType(readType(original, name, what), type));
  writer.encoded(isOriginal ? extra : before?.without(VALUE.type));
  writer.name(VALUE.name, name);
  if (!isOriginal) writeType(writer, type, what);
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
  writer.message(VALUE.type, (type) =>
    type.message(TYPE.tensorType, (tensor) => {
      tensor.int(TENSOR_TYPE.elemType, elementTypeNumbers[elementType]);
      if (shape === undefined) return;
      tensor.message(TENSOR_TYPE.shape, (dims) => {
        for (const dim of shape) {
          dims.message(SHAPE.dim, (inner) => {
            if (typeof dim === 'number') inner.count(DIMENSION.dimValue, dim, `a dimension of ${what}`);
            else if (!isOpen(dim)) inner.text(DIMENSION.dimParam, dim);
          });
        }
      });
    }),
  );
}

/** True when a type is all that the original field says. */
function saysAll(type: TensorType, { reading, field }: Message, what: string): boolean {
  const bytes = encoded((writer) => writeType(writer, type, what));
  const original = reading.bytes.subarray(field.from, field.to);
  return bytes.byteLength === original.byteLength && bytes.every((byte, i) => byte === original[i]);
}
