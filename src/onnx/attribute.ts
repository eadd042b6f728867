import { create } from '@bufbuild/protobuf';
import { SlimError } from '../errors.ts';
import type { Attribute, Graph } from '../graph/types.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type TensorProto,
} from './onnx_pb.ts';
import { malformed, type Reading, unsupported } from './reading.ts';
import { readInt64, readText, writeInt64, writeText } from './scalars.ts';
import { readTensor, writeTensor } from './tensor.ts';

const K = AttributeProto_AttributeType;

/**
 * The value of an attribute; `readGraph` reads subgraphs.
 * Throws a UsageError for kinds that `Attribute` cannot hold, integers that are not safe, and text that is not UTF-8.
 */
export function readAttribute(
  proto: AttributeProto,
  what: string,
  reading: Reading,
  readGraph: (graph: GraphProto) => Graph,
): Attribute {
  if (proto.refAttrName !== '') {
    const fix = 'inline the model-local functions first, for example in Python with onnx.inliner';
    throw unsupported(reading, `${what} refers to attribute '${proto.refAttrName}' of a function`, fix);
  }
  switch (proto.type) {
    case K.INT:
      return { type: 'int', value: readInt64(proto.i, what, reading) };
    case K.INTS:
      return { type: 'ints', value: proto.ints.map((i) => readInt64(i, what, reading)) };
    case K.FLOAT:
      return { type: 'float', value: proto.f };
    case K.FLOATS:
      return { type: 'floats', value: proto.floats };
    case K.STRING:
      return { type: 'string', value: readText(proto.s, what, reading) };
    case K.STRINGS:
      return { type: 'strings', value: proto.strings.map((s) => readText(s, what, reading)) };
    case K.TENSOR:
      if (proto.t === undefined) throw malformed(reading, `${what} has no tensor`);
      return { type: 'tensor', value: readTensor(proto.t, what, reading) };
    case K.GRAPH:
      if (proto.g === undefined) throw malformed(reading, `${what} has no graph`);
      return { type: 'graph', value: readGraph(proto.g) };
    case K.UNDEFINED:
      throw malformed(reading, `${what} has no type, or one that ONNX does not have`);
    default:
      throw unsupported(reading, `${what} is of kind ${K[proto.type]}`, 'express the model without it');
  }
}

/** An attribute as it stands in the file; `writeGraph` writes subgraphs. Throws a SlimError for what ONNX cannot hold. */
export function writeAttribute(
  name: string,
  attribute: Attribute,
  what: string,
  writeGraph: (graph: Graph) => GraphProto,
): AttributeProto {
  const proto = create(AttributeProtoSchema, { name });
  switch (attribute.type) {
    case 'int':
      proto.type = K.INT;
      proto.i = writeInt64(attribute.value, what);
      break;
    case 'ints':
      proto.type = K.INTS;
      proto.ints = attribute.value.map((i) => writeInt64(i, what));
      break;
    case 'float':
      proto.type = K.FLOAT;
      proto.f = float32(attribute.value, what);
      break;
    case 'floats':
      proto.type = K.FLOATS;
      proto.floats = attribute.value.map((f) => float32(f, what));
      break;
    case 'string':
      proto.type = K.STRING;
      proto.s = writeText(attribute.value, what);
      break;
    case 'strings':
      proto.type = K.STRINGS;
      proto.strings = attribute.value.map((s) => writeText(s, what));
      break;
    case 'tensor':
      proto.type = K.TENSOR;
      proto.t = writeWhole(attribute.value, what);
      break;
    case 'graph':
      proto.type = K.GRAPH;
      proto.g = writeGraph(attribute.value);
      break;
  }
  return proto;
}

function writeWhole(tensor: Parameters<typeof writeTensor>[0], what: string): TensorProto {
  const { proto, raw } = writeTensor(tensor, '', what);
  if (raw !== undefined) proto.rawData = raw;
  return proto;
}

/** Attributes are float32 in the file: rounding is meant, but a finite number must not become infinite. */
function float32(value: number, what: string): number {
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw new SlimError(`cannot write ${what}: ${value} is out of the range of float32`);
  }
  return rounded;
}
