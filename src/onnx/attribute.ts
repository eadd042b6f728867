import { SlimError } from '../base/errors.ts';
import type { Attribute, Graph, OpaqueTensor, Tensor } from '../graph/types.ts';
import {
  joined,
  putBytes,
  putEncoded,
  putFloat,
  putInt,
  putMessage,
  putName,
  putText,
  startWriting,
  type Writer,
} from './encode.ts';
import { ATTRIBUTE } from './fields.ts';
import { AttributeProto_AttributeType as KIND } from './onnx_pb.ts';
import { malformed, type Reading } from './reading.ts';
import { readInt64, writeInt64, writeText } from './scalars.ts';
import { isOpaque, readTensor, writeOpaque, writeTensor } from './tensor.ts';
import {
  all,
  extraOf,
  type Field,
  floatIn,
  floatsIn,
  int64In,
  integersIn,
  joinFields,
  last,
  type Message,
  only,
  textOf,
  tryTextIn,
} from './wire.ts';

/** Reads the subgraph in a field. */
export type ReadGraph = (graph: Field) => Graph;

/** Writes a subgraph. */
export type WriteGraph = (writer: Writer, graph: Graph) => void;

/** The field that holds the value of each type, and the number of the type in the file. */
const FORMS = {
  int: { field: ATTRIBUTE.i, kind: KIND.INT },
  ints: { field: ATTRIBUTE.ints, kind: KIND.INTS },
  float: { field: ATTRIBUTE.f, kind: KIND.FLOAT },
  floats: { field: ATTRIBUTE.floats, kind: KIND.FLOATS },
  string: { field: ATTRIBUTE.s, kind: KIND.STRING },
  strings: { field: ATTRIBUTE.strings, kind: KIND.STRINGS },
  tensor: { field: ATTRIBUTE.t, kind: KIND.TENSOR },
  tensors: { field: ATTRIBUTE.tensors, kind: KIND.TENSORS },
  graph: { field: ATTRIBUTE.g, kind: KIND.GRAPH },
  graphs: { field: ATTRIBUTE.graphs, kind: KIND.GRAPHS },
} as const;

/**
 * The value of an attribute; `readGraph` reads subgraphs. What `Attribute` cannot hold otherwise (other kinds, integers
 * that are not safe, text that is not UTF-8, tensors of unknown types) is `opaque`.
 * Throws a UsageError for an attribute without a type, a tensor or a graph.
 */
export function readAttribute(message: Message, what: string, reading: Reading, readGraph: ReadGraph): Attribute {
  const reference = textOf(reading, message, ATTRIBUTE.refAttrName);
  // Of what type the attribute is that it refers to stays in `extra`.
  if (reference !== '') {
    const extra = extraOf(reading, message, [ATTRIBUTE.refAttrName], [ATTRIBUTE.name]);
    return { type: 'reference', value: reference, ...extra };
  }
  const attribute = readValue(message, what, reading, readGraph);
  if (attribute.type === 'opaque' || attribute.type === 'reference') return attribute;
  const understood = [ATTRIBUTE.type, FORMS[attribute.type].field];
  return { ...attribute, ...extraOf(reading, message, understood, [ATTRIBUTE.name]) };
}

function readValue(message: Message, what: string, reading: Reading, readGraph: ReadGraph): Attribute {
  const single = (number: number, name: string) => {
    const field = only(reading, message, number);
    if (field === undefined) throw malformed(reading, message.from, `${what} has no ${name}`);
    return field;
  };
  const type = last(message, ATTRIBUTE.type);
  if (type === undefined) throw malformed(reading, message.from, `${what} has no type`);
  switch (Number(int64In(reading, type))) {
    case KIND.INT: {
      const field = last(message, ATTRIBUTE.i);
      const value = field ? readInt64(int64In(reading, field)) : 0;
      return value === undefined ? carry(message, reading) : { type: 'int', value };
    }
    case KIND.INTS: {
      const value = integersIn(reading, all(message, ATTRIBUTE.ints), readInt64);
      return value.every((v) => v !== undefined) ? { type: 'ints', value } : carry(message, reading);
    }
    case KIND.FLOAT: {
      const field = last(message, ATTRIBUTE.f);
      return { type: 'float', value: field ? floatIn(reading, field) : 0 };
    }
    case KIND.FLOATS:
      return { type: 'floats', value: floatsIn(reading, all(message, ATTRIBUTE.floats)) };
    case KIND.STRING: {
      const field = last(message, ATTRIBUTE.s);
      const value = field ? tryTextIn(reading, field) : '';
      return value === undefined ? carry(message, reading) : { type: 'string', value };
    }
    case KIND.STRINGS: {
      const value = all(message, ATTRIBUTE.strings).map((field) => tryTextIn(reading, field));
      return value.every((text) => text !== undefined) ? { type: 'strings', value } : carry(message, reading);
    }
    case KIND.TENSOR: {
      const { tensor } = readTensor(single(ATTRIBUTE.t, 'tensor'), () => what, reading, true);
      if (!isOpaque(tensor)) return { type: 'tensor', value: tensor };
      return carry(message, reading, ATTRIBUTE.t, [tensor]);
    }
    case KIND.TENSORS: {
      const value = all(message, ATTRIBUTE.tensors).map((field) => readTensor(field, () => what, reading, true).tensor);
      return value.every((tensor): tensor is Tensor => !isOpaque(tensor))
        ? { type: 'tensors', value }
        : carry(message, reading, ATTRIBUTE.tensors, value);
    }
    case KIND.GRAPH:
      return { type: 'graph', value: readGraph(single(ATTRIBUTE.g, 'graph')) };
    case KIND.GRAPHS:
      return { type: 'graphs', value: all(message, ATTRIBUTE.graphs).map(readGraph) };
    default:
      return carry(message, reading);
  }
}

/** An attribute as it stands in the file, but for its name; tensors in it are written anew: they may lie outside. */
function carry(
  message: Message,
  reading: Reading,
  field?: number,
  tensors: readonly (Tensor | OpaqueTensor)[] = [],
): Attribute {
  const apart = [ATTRIBUTE.name, field];
  const fields = message.fields.filter(({ number }) => !apart.includes(number));
  const writer = startWriting();
  putEncoded(writer, joinFields(reading, fields));
  for (const tensor of tensors) {
    putMessage(writer, field!, (inner) =>
      isOpaque(tensor) ? writeOpaque(inner, tensor, '') : writeTensor(inner, tensor, '', 'a tensor'),
    );
  }
  return { type: 'opaque', value: joined(writer) };
}

/** Writes the fields of an AttributeProto. Throws a SlimError for what ONNX cannot hold. */
export function writeAttribute(
  writer: Writer,
  name: string,
  attribute: Attribute,
  what: string,
  writeGraph: WriteGraph,
): void {
  putEncoded(writer, attribute.extra);
  putName(writer, ATTRIBUTE.name, name);
  if (attribute.type === 'opaque') putEncoded(writer, attribute.value);
  else if (attribute.type === 'reference') putText(writer, ATTRIBUTE.refAttrName, attribute.value);
  else {
    putInt(writer, ATTRIBUTE.type, FORMS[attribute.type].kind);
    putValue(writer, attribute, FORMS[attribute.type].field, what, writeGraph);
  }
}

type Modelled = Exclude<Attribute, { readonly type: 'opaque' | 'reference' }>;

function putValue(writer: Writer, { type, value }: Modelled, field: number, what: string, writeGraph: WriteGraph) {
  switch (type) {
    case 'int':
      putInt(writer, field, writeInt64(value, what));
      break;
    case 'ints':
      for (const v of value) putInt(writer, field, writeInt64(v, what));
      break;
    case 'float':
      putFloat(writer, field, float32(value, what));
      break;
    case 'floats':
      for (const v of value) putFloat(writer, field, float32(v, what));
      break;
    case 'string':
      putBytes(writer, field, writeText(value, what));
      break;
    case 'strings':
      for (const v of value) putBytes(writer, field, writeText(v, what));
      break;
    case 'tensor':
      putMessage(writer, field, (inner) => writeTensor(inner, value, '', what));
      break;
    case 'tensors':
      for (const v of value) putMessage(writer, field, (inner) => writeTensor(inner, v, '', what));
      break;
    case 'graph':
      putMessage(writer, field, (inner) => writeGraph(inner, value));
      break;
    case 'graphs':
      for (const v of value) putMessage(writer, field, (inner) => writeGraph(inner, v));
      break;
  }
}

/** Attributes are float32 in the file: rounding is meant, but a finite number must not become infinite. */
function float32(value: number, what: string): number {
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw new SlimError(`cannot write ${what}: ${value} is out of the range of float32`);
  }
  return rounded;
}
