import type { Attribute, Graph, ListedInitializer, Node, OpaqueTensor, Tensor, TensorType } from '../graph/types.ts';
import { readAttribute } from './attribute.ts';
import { joined, putEncoded, startWriting } from './encode.ts';
import { ATTRIBUTE, GRAPH, NODE } from './fields.ts';
import { readDomain } from './operatorSets.ts';
import { malformed, quoted, type Reading, unsupported } from './reading.ts';
import { isOpaque, type NamedTensor, readSparse, readTensor } from './tensor.ts';
import { readValueInfo } from './value.ts';
import { all, extraOf, type Field, joinFields, type Message, messageIn, textIn, textOf } from './wire.ts';

/** How deep subgraphs may lie in each other: every pass over a graph follows them. */
const DEEPEST = 40;

/** A graph; `within` says of which node it is a part, as ` of node ...`, and `depth` how deep it lies. */
export function readGraph(field: Field, within: string, depth: number, reading: Reading): Graph {
  const message = messageIn(reading, field);
  const name = textOf(reading, message, GRAPH.name);
  const here = `graph ${quoted(name)}${within}`;
  if (depth > DEEPEST) {
    throw unsupported(
      reading,
      `subgraphs more than ${DEEPEST} deep in each other (byte ${field.from})`,
      'flatten them',
    );
  }
  const { initializers, opaqueInitializers } = readInitializers(message, here, reading);
  const values = (number: number, kind: string) =>
    all(message, number).map((value) => readValueInfo(value, (name) => `${kind} ${quoted(name)} of ${here}`, reading));
  const listed = values(GRAPH.input, 'input');
  // Up to version 3 of the format every initializer is listed among the inputs as well.
  const isStored = (name: string) => initializers.has(name) || opaqueInitializers.has(name);
  const listedInitializers = listed.flatMap((info, at): ListedInitializer[] =>
    isStored(info.name) ? [{ at, info }] : [],
  );
  const outputs = values(GRAPH.output, 'output');
  const nodes = all(message, GRAPH.node).map((node, i) => readNode(node, i, within, depth, reading));
  const between = readValueInfos(message, here, reading);
  return {
    name,
    inputs: listed.filter((info) => !isStored(info.name)),
    outputs,
    initializers,
    nodes,
    ...between.types,
    ...(opaqueInitializers.size > 0 && { opaqueInitializers }),
    ...(listedInitializers.length > 0 && { listedInitializers }),
    ...joinExtras(
      between.extra,
      extraOf(
        reading,
        message,
        [GRAPH.node, GRAPH.initializer, GRAPH.sparseInitializer, GRAPH.input, GRAPH.output, GRAPH.valueInfo],
        [GRAPH.name],
      ).extra,
    ),
  };
}

function readInitializers(message: Message, here: string, reading: Reading) {
  const initializers = new Map<string, Tensor>();
  const opaqueInitializers = new Map<string, OpaqueTensor>();
  const add = (field: Field, { name, tensor }: NamedTensor<Tensor | OpaqueTensor>) => {
    if (name === '') throw malformed(reading, field.from, `an initializer of ${here} has no name`);
    if (initializers.has(name) || opaqueInitializers.has(name)) {
      throw malformed(reading, field.from, `in ${here} the initializer ${quoted(name)} occurs twice`);
    }
    if (isOpaque(tensor)) opaqueInitializers.set(name, tensor);
    else initializers.set(name, tensor);
  };
  for (const field of all(message, GRAPH.initializer)) {
    add(
      field,
      readTensor(field, (name) => `initializer ${quoted(name)} of ${here}`, reading),
    );
  }
  for (const field of all(message, GRAPH.sparseInitializer)) {
    add(
      field,
      readSparse(field, (name) => `sparse initializer ${quoted(name)} of ${here}`, reading),
    );
  }
  return { initializers, opaqueInitializers };
}

/** The types of values in between; what a map of types cannot hold (a sequence, all types but the last) stays as it is. */
function readValueInfos(message: Message, here: string, reading: Reading) {
  const valueInfo = new Map<string, TensorType>();
  const valueExtras = new Map<string, Uint8Array>();
  const read = new Map<string, Field>();
  const rest: Field[] = [];
  for (const field of all(message, GRAPH.valueInfo)) {
    const describe = (name: string) => `value ${quoted(name)} of ${here}`;
    const { name, type, opaque, extra } = readValueInfo(field, describe, reading);
    const other = opaque === undefined ? read.get(name) : field;
    if (other) rest.push(other);
    if (opaque !== undefined) continue;
    read.set(name, field);
    valueInfo.set(name, type);
    if (extra) valueExtras.set(name, extra);
    else valueExtras.delete(name);
  }
  return {
    types: { ...(valueInfo.size > 0 && { valueInfo }), ...(valueExtras.size > 0 && { valueExtras }) },
    extra: rest.length > 0 ? joinFields(reading, rest) : undefined,
  };
}

function joinExtras(a: Uint8Array | undefined, b: Uint8Array | undefined): { extra?: Uint8Array } {
  const parts = [a, b].filter((part) => part !== undefined);
  const writer = startWriting();
  for (const part of parts) putEncoded(writer, part);
  return parts.length === 0 ? {} : { extra: joined(writer) };
}

/** Node number `i` of a graph or function; `within` and `depth` are those of the graph. */
export function readNode(field: Field, i: number, within: string, depth: number, reading: Reading): Node {
  const message = messageIn(reading, field);
  const op = textOf(reading, message, NODE.opType);
  const name = textOf(reading, message, NODE.name);
  const here = `node ${i} ${quoted(name)} (${quotedOperator(op)})${within}`;
  if (op === '') throw malformed(reading, field.from, `${here} has no op_type`);
  const overload = textOf(reading, message, NODE.overload);
  return {
    op,
    domain: readDomain(textOf(reading, message, NODE.domain)),
    name,
    inputs: all(message, NODE.input).map((input) => textIn(reading, input)),
    outputs: all(message, NODE.output).map((output) => textIn(reading, output)),
    attributes: readAttributes(all(message, NODE.attribute), here, depth, reading),
    ...(overload !== '' && { overload }),
    ...extraOf(
      reading,
      message,
      [NODE.opType, NODE.input, NODE.output, NODE.attribute],
      [NODE.domain, NODE.name, NODE.overload],
    ),
  };
}

function quotedOperator(op: string): string {
  return quoted(op).slice(1, -1);
}

/** The attributes in some fields, by name; `here` says what has them. */
export function readAttributes(
  fields: readonly Field[],
  here: string,
  depth: number,
  reading: Reading,
): Record<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  for (const field of fields) {
    const message = messageIn(reading, field);
    const name = textOf(reading, message, ATTRIBUTE.name);
    const what = `attribute ${quoted(name)} of ${here}`;
    if (attributes.has(name)) {
      throw malformed(reading, field.from, `in ${here} the attribute ${quoted(name)} occurs twice`);
    }
    const subgraph = (graph: Field) => readGraph(graph, ` of ${what}`, depth + 1, reading);
    attributes.set(name, readAttribute(message, what, reading, subgraph));
  }
  return Object.fromEntries(attributes);
}
