import { fromBinary } from '@bufbuild/protobuf';
import type { Graph, Model, Node } from '../graph/types.ts';
import { readAttribute } from './attribute.ts';
import { type GraphProto, type ModelProto, ModelProtoSchema, type NodeProto } from './onnx_pb.ts';
import { distinct, malformed, type Reading, unsupported } from './reading.ts';
import { readCount } from './scalars.ts';
import { readTensor } from './tensor.ts';
import { readValueInfo } from './value.ts';

/**
 * The model in the bytes of an ONNX file; `source` names the file in messages.
 * Weights are views of `bytes` where these are aligned, so `bytes` must not change afterwards.
 * Left out, for they do not change what the model computes: documentation, `value_info`, the version of the producer,
 * domain and version of the model, metadata of anything but the model.
 * Throws a UsageError for bytes that are no ONNX model, and for whatever else `Model` cannot hold.
 */
export function readModel(bytes: Uint8Array, source = 'model'): Model {
  const reading: Reading = { source, byteLength: bytes.byteLength, openDims: new Set() };
  const proto = parse(bytes, reading);
  if (proto.irVersion <= 0n) throw malformed(reading, 'it has no ir_version');
  if (proto.graph === undefined) throw malformed(reading, 'it has no graph');
  rejectParts(proto, 'the model', reading);
  return {
    graph: readGraph(proto.graph, '', reading),
    opsets: readOpsets(proto, reading),
    irVersion: readCount(proto.irVersion, 'its ir_version', reading),
    producer: proto.producerName,
    metadata: Object.fromEntries(
      distinct(
        proto.metadataProps.map(({ key, value }) => [key, value]),
        'the metadata key',
        reading,
      ),
    ),
  };
}

function parse(bytes: Uint8Array, reading: Reading): ModelProto {
  if (bytes.byteLength === 0) throw malformed(reading, 'the file is empty');
  // A plain Uint8Array: Node's Buffer has a slice() that does not copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return fromBinary(ModelProtoSchema, plain, { readUnknownFields: false });
  } catch (cause) {
    throw malformed(reading, `it does not parse (${cause instanceof Error ? cause.message : cause})`, cause);
  }
}

function readOpsets(proto: ModelProto, reading: Reading): Record<string, number> {
  // Operator sets came with version 3 of the format; before, there was one.
  if (proto.opsetImport.length === 0 && proto.irVersion < 3n) return { '': 1 };
  if (proto.opsetImport.length === 0) throw malformed(reading, 'it has no opset_import');
  const entries = proto.opsetImport.map(({ domain, version }) => {
    const name = readDomain(domain);
    return [name, readCount(version, `the version of operator set '${name}'`, reading)] as const;
  });
  return Object.fromEntries(distinct(entries, 'operator set', reading));
}

/** ONNX's own operators have two spellings of their domain. */
function readDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** `within` says of which node the graph is a part, as ` of node ...`; empty for the main graph. */
function readGraph(proto: GraphProto, within: string, reading: Reading): Graph {
  const here = `graph '${proto.name}'${within}`;
  rejectParts(proto, here, reading);
  const tensors = proto.initializer.map((tensor) => {
    if (tensor.name === '') throw malformed(reading, `an initializer of ${here} has no name`);
    return [tensor.name, readTensor(tensor, `initializer '${tensor.name}' of ${here}`, reading)] as const;
  });
  const initializers = new Map(distinct(tensors, `in ${here} the initializer`, reading));
  return {
    name: proto.name,
    // Up to version 3 of the format every initializer is listed among the inputs as well.
    inputs: proto.input
      .filter(({ name }) => !initializers.has(name))
      .map((info) => readValueInfo(info, `input '${info.name}' of ${here}`, reading)),
    outputs: proto.output.map((info) => readValueInfo(info, `output '${info.name}' of ${here}`, reading)),
    initializers,
    nodes: proto.node.map((node, i) => readNode(node, `node ${i} '${node.name}' (${node.opType})${within}`, reading)),
  };
}

function readNode(proto: NodeProto, here: string, reading: Reading): Node {
  if (proto.opType === '') throw malformed(reading, `${here} has no op_type`);
  rejectParts(proto, here, reading);
  const attributes = proto.attribute.map((attribute) => {
    const what = `attribute '${attribute.name}' of ${here}`;
    const subgraph = (graph: GraphProto) => readGraph(graph, ` of ${what}`, reading);
    return [attribute.name, readAttribute(attribute, what, reading, subgraph)] as const;
  });
  return {
    op: proto.opType,
    domain: readDomain(proto.domain),
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes: Object.fromEntries(distinct(attributes, `in ${here} the attribute`, reading)),
  };
}

/** Throws a UsageError when the file has something that would be lost. */
function rejectParts(proto: ModelProto | GraphProto | NodeProto, here: string, reading: Reading): void {
  const reject = (present: boolean, what: string, fix: string) => {
    if (present) throw unsupported(reading, `${here} has ${what}`, fix);
  };
  const exportWithout = 'export the model without them';
  switch (proto.$typeName) {
    case 'onnx.ModelProto':
      reject(
        proto.functions.length > 0,
        `model-local functions ('${proto.functions[0]?.name}')`,
        'inline them first, for example in Python with onnx.inliner.inline_local_functions(model)',
      );
      reject(proto.trainingInfo.length > 0, 'training_info', exportWithout);
      reject(proto.configuration.length > 0, 'device configurations', exportWithout);
      break;
    case 'onnx.GraphProto':
      reject(
        proto.sparseInitializer.length > 0,
        `sparse initializers ('${proto.sparseInitializer[0]?.values?.name ?? ''}')`,
        'make them dense',
      );
      reject(proto.quantizationAnnotation.length > 0, 'quantization annotations', exportWithout);
      break;
    case 'onnx.NodeProto':
      reject(proto.overload !== '', `overload '${proto.overload}'`, 'inline the model-local functions first');
      reject(proto.deviceConfigurations.length > 0, 'device configurations', exportWithout);
      break;
  }
}
