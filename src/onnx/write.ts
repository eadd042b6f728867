import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { SlimError } from '../errors.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';
import { writeAttribute } from './attribute.ts';
import {
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './onnx_pb.ts';
import { writeCount } from './scalars.ts';
import { writeTensor } from './tensor.ts';
import { writeValueInfo } from './value.ts';

/** Protobuf readers refuse messages of 2 GiB and more. */
const BYTE_LIMIT = 2 ** 31;

/** The bytes of a model as an ONNX file; throws a SlimError for what ONNX cannot hold. */
export function writeModel(model: Model): Uint8Array<ArrayBuffer> {
  const pieces = encodeModel(model);
  const bytes = new Uint8Array(byteLength(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/**
 * The bytes of a model as pieces that make the file one after the other; throws a SlimError as `writeModel` does.
 * The weights among them are views of the model's own arrays: nothing large is copied.
 */
export function encodeModel(model: Model): Uint8Array[] {
  const { graph, opsets, metadata } = model;
  // The encoder of the protobuf library grows one buffer by doubling and shifts it for each length it fills in. So it
  // gets everything but the weights, and their messages are put together here: fields may stand in any order.
  const weights = [...graph.initializers].flatMap(([name, tensor]) => {
    const pieces = encodeTensor(name, tensor, `initializer '${name}' of graph '${graph.name}'`);
    return [fieldHeader(GraphProtoSchema.field.initializer.number, byteLength(pieces)), ...pieces];
  });
  const body = [toBinary(GraphProtoSchema, writeFrame(graph, '')), ...weights];
  const head = create(ModelProtoSchema, {
    irVersion: writeCount(model.irVersion, 'the ir_version'),
    producerName: model.producer,
    opsetImport: Object.entries(opsets).map(([domain, version]) => ({
      domain,
      version: writeCount(version, `the version of operator set '${domain}'`),
    })),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  const headBytes = toBinary(ModelProtoSchema, head);
  const total = byteLength(body) + headBytes.byteLength;
  // Leaves room for the header of the graph.
  if (total + 16 > BYTE_LIMIT) {
    throw new SlimError(`cannot write the model: it takes ${total} bytes, an ONNX file must be smaller than 2 GiB`);
  }
  // The graph goes last, so that a file that was cut off is never taken for a whole one.
  return [headBytes, fieldHeader(ModelProtoSchema.field.graph.number, byteLength(body)), ...body];
}

function byteLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

/** What stands before the bytes of a message or byte string. */
function fieldHeader(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

function encodeTensor(name: string, tensor: Tensor, what: string): Uint8Array[] {
  const { proto, raw } = writeTensor(tensor, name, what);
  const head = toBinary(TensorProtoSchema, proto);
  if (raw === undefined) return [head];
  return [head, fieldHeader(TensorProtoSchema.field.rawData.number, raw.byteLength), raw];
}

/** A subgraph whole, with its initializers; `within` as in `writeFrame`. */
function writeGraph(graph: Graph, within: string): GraphProto {
  const proto = writeFrame(graph, within);
  proto.initializer = Array.from(graph.initializers, ([name, tensor]): TensorProto => {
    const { proto, raw } = writeTensor(tensor, name, `initializer '${name}' of graph '${graph.name}'${within}`);
    if (raw !== undefined) proto.rawData = raw;
    return proto;
  });
  return proto;
}

/** A graph without its initializers; `within` says of which node it is a part, as ` of node ...`. */
function writeFrame(graph: Graph, within: string): GraphProto {
  const here = `graph '${graph.name}'${within}`;
  return create(GraphProtoSchema, {
    name: graph.name,
    input: graph.inputs.map((info) => writeValueInfo(info, `input '${info.name}' of ${here}`)),
    output: graph.outputs.map((info) => writeValueInfo(info, `output '${info.name}' of ${here}`)),
    node: graph.nodes.map((node, i) => writeNode(node, `node ${i} '${node.name}' (${node.op})${within}`)),
  });
}

function writeNode(node: Node, here: string): NodeProto {
  return create(NodeProtoSchema, {
    opType: node.op,
    domain: node.domain,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, attribute]) => {
      const what = `attribute '${name}' of ${here}`;
      return writeAttribute(name, attribute, what, (graph) => writeGraph(graph, ` of ${what}`));
    }),
  });
}
