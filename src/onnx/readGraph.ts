import type {
  Attribute,
  Graph,
  ListedInitializer,
  ModelFunction,
  Node,
  OpaqueTensor,
  Tensor,
  TensorType,
} from '../graph/types.ts';
import { ATTRIBUTE, FUNCTION, GRAPH, KIND, NODE, OPERATOR_SET } from './fields.ts';
import { type Message, safeNumber } from './message.ts';
import { quoted, unsupported } from './reading.ts';
import { readSparse } from './sparse.ts';
import { isOpaque, type NamedTensor, readTensor, writeOpaque, writeTensor } from './tensor.ts';
import { traceFields } from './traces.ts';
import { readValueInfo } from './value.ts';
import { encoded } from './writer.ts';

/** How deep subgraphs may lie in each other: every pass over a graph follows them. */
const DEEPEST = 40;

/** A graph; `within` says of which node it is a part, as ` of node ...`, and `depth` how deep it lies. */
export function readGraph(message: Message, within = '', depth = 0): Graph {
  const name = message.text(GRAPH.name);
  const here = `graph ${quoted(name)}${within}`;
  if (depth > DEEPEST) {
    const place = `(byte ${message.field.from})`;
    throw unsupported(message.reading, `subgraphs more than ${DEEPEST} deep in each other ${place}`, 'flatten them');
  }
  const { initializers, opaqueInitializers } = readInitializers(message, here);
  const values = (number: number, kind: string) =>
    message.map(number, (value) => readValueInfo(value, (name) => `${kind} ${quoted(name)} of ${here}`));
  const listed = values(GRAPH.input, 'input');
  // Up to version 3 of the format every initializer is listed among the inputs as well.
  const isStored = (name: string) => initializers.has(name) || opaqueInitializers.has(name);
  const listedInitializers = listed.flatMap((info, at): ListedInitializer[] =>
    isStored(info.name) ? [{ at, info }] : [],
  );
  const outputs = values(GRAPH.output, 'output');
  const nodes = message.map(GRAPH.node, (node, i) => readNode(node, i, within, depth));
  const { valueInfo, valueExtras, rest } = readValueInfos(message, here);
  const opaqueInfos = rest.filter((field) => field !== undefined);
  return {
    name,
    inputs: listed.filter((info) => !isStored(info.name)),
    outputs,
    initializers,
    nodes,
    ...(valueInfo.size > 0 && { valueInfo }),
    ...(valueExtras.size > 0 && { valueExtras }),
    ...(opaqueInitializers.size > 0 && { opaqueInitializers }),
    ...(listedInitializers.length > 0 && { listedInitializers }),
    ...(opaqueInfos.length > 0 && { otherValueInfo: message.join(opaqueInfos) }),
    ...message.extra(),
  };
}

function readInitializers(message: Message, here: string) {
  const initializers = new Map<string, Tensor>();
  const opaqueInitializers = new Map<string, OpaqueTensor>();
  const add = (field: Message, { name, tensor }: NamedTensor) => {
    if (name === '') throw field.malformed(`an initializer of ${here} has no name`);
    if (initializers.has(name) || opaqueInitializers.has(name)) {
      throw field.malformed(`in ${here} the initializer ${quoted(name)} occurs twice`);
    }
    if (isOpaque(tensor)) opaqueInitializers.set(name, tensor);
    else initializers.set(name, tensor);
  };
  const describe = (name: string) => `initializer ${quoted(name)} of ${here}`;
  message.map(GRAPH.initializer, (tensor) => add(tensor, readTensor(tensor, describe)));
  message.map(GRAPH.sparseInitializer, (tensor) =>
    add(
      tensor,
      readSparse(tensor, (name) => `sparse ${describe(name)}`),
    ),
  );
  return { initializers, opaqueInitializers };
}

/** The types of values in between, and the fields that a map of them cannot hold: sequences, all types but the last. */
function readValueInfos(message: Message, here: string) {
  const valueInfo = new Map<string, TensorType>();
  const valueExtras = new Map<string, Uint8Array>();
  const read = new Map<string, Message['field']>();
  const rest: (Message['field'] | undefined)[] = [];
  message.map(GRAPH.valueInfo, (value) => {
    const { name, type, opaque, extra } = readValueInfo(value, (name) => `value ${quoted(name)} of ${here}`);
    if (opaque !== undefined) {
      rest.push(value.field);
      return;
    }
    rest.push(read.get(name));
    read.set(name, value.field);
    valueInfo.set(name, type);
    if (extra) valueExtras.set(name, extra);
    else valueExtras.delete(name);
  });
  return { valueInfo, valueExtras, rest };
}

/** Node number `i` of a graph or function; `within` and `depth` are those of the graph. */
function readNode(message: Message, i: number, within: string, depth: number): Node {
  const op = message.text(NODE.opType);
  const name = message.text(NODE.name);
  const here = `node ${i} ${quoted(name)} (${quoted(op).slice(1, -1)})${within}`;
  if (op === '') throw message.malformed(`${here} has no op_type`);
  const overload = message.text(NODE.overload);
  return {
    op,
    domain: readDomain(message.text(NODE.domain)),
    name,
    inputs: message.texts(NODE.input),
    outputs: message.texts(NODE.output),
    attributes: readAttributes(message, NODE.attribute, here, depth),
    ...(overload !== '' && { overload }),
    ...message.extra([], traceFields(message)),
  };
}

/** The attributes in the fields with a number, by name; `here` says what has them. */
function readAttributes(owner: Message, number: number, here: string, depth: number): Record<string, Attribute> {
  const attributes = new Map<string, Attribute>();
  owner.map(number, (message) => {
    const name = message.text(ATTRIBUTE.name);
    if (attributes.has(name)) throw message.malformed(`in ${here} the attribute ${quoted(name)} occurs twice`);
    attributes.set(name, readAttribute(message, `attribute ${quoted(name)} of ${here}`, depth));
  });
  return Object.fromEntries(attributes);
}

/**
 * The value of an attribute. What `Attribute` cannot hold otherwise (other kinds, integers that are not safe, text that
 * is not UTF-8, tensors of unknown types) is `opaque`: as it stands in the file, but for its name.
 */
function readAttribute(message: Message, what: string, depth: number): Attribute {
  const reference = message.text(ATTRIBUTE.refAttrName);
  // Of what type the attribute is that it refers to stays in `extra`.
  if (reference !== '') return { type: 'reference', value: reference, ...message.extra() };
  const value = readValue(message, what, depth);
  if (value === undefined) return { type: 'opaque', value: message.without(ATTRIBUTE.name) };
  return value.type === 'opaque' ? value : { ...value, ...message.extra() };
}

/** The value where it can be held. Throws a UsageError for an attribute without a type, a tensor or a graph. */
function readValue(message: Message, what: string, depth: number): Attribute | undefined {
  const subgraph = (graph: Message) => readGraph(graph, ` of ${what}`, depth + 1);
  const tensorIn = (tensor: Message) => readTensor(tensor, () => what, true).tensor;
  const single = (number: number, name: string) => {
    const found = message.only(number);
    if (found === undefined) throw message.malformed(`${what} has no ${name}`);
    return found;
  };
  if (message.last(ATTRIBUTE.type) === undefined) throw message.malformed(`${what} has no type`);
  switch (Number(message.int64(ATTRIBUTE.type))) {
    case KIND.INT: {
      const value = safeNumber(message.int64(ATTRIBUTE.i));
      return value === undefined ? undefined : { type: 'int', value };
    }
    case KIND.INTS: {
      const value = message.int64s(ATTRIBUTE.ints, safeNumber);
      return value.every((v) => v !== undefined) ? { type: 'ints', value } : undefined;
    }
    case KIND.FLOAT:
      return { type: 'float', value: message.float(ATTRIBUTE.f) };
    case KIND.FLOATS:
      return { type: 'floats', value: message.floats(ATTRIBUTE.floats) };
    case KIND.STRING: {
      const value = message.tryText(ATTRIBUTE.s);
      return value === undefined ? undefined : { type: 'string', value };
    }
    case KIND.STRINGS: {
      const value = message.tryTexts(ATTRIBUTE.strings);
      return value.every((text) => text !== undefined) ? { type: 'strings', value } : undefined;
    }
    case KIND.TENSOR: {
      const value = tensorIn(single(ATTRIBUTE.t, 'tensor'));
      return isOpaque(value) ? carryTensors(message, ATTRIBUTE.t, [value]) : { type: 'tensor', value };
    }
    case KIND.TENSORS: {
      const value = message.map(ATTRIBUTE.tensors, tensorIn);
      return value.every((tensor): tensor is Tensor => !isOpaque(tensor))
        ? { type: 'tensors', value }
        : carryTensors(message, ATTRIBUTE.tensors, value);
    }
    case KIND.GRAPH:
      return { type: 'graph', value: subgraph(single(ATTRIBUTE.g, 'graph')) };
    case KIND.GRAPHS:
      return { type: 'graphs', value: message.map(ATTRIBUTE.graphs, subgraph) };
    default:
      return undefined;
  }
}

/** An opaque attribute with tensors, which are written anew: they may lie outside. */
function carryTensors(message: Message, field: number, tensors: readonly (Tensor | OpaqueTensor)[]): Attribute {
  const value = encoded((writer) => {
    writer.encoded(message.without(ATTRIBUTE.name, field));
    for (const tensor of tensors) {
      writer.message(field, (inner) =>
        isOpaque(tensor) ? writeOpaque(inner, tensor, '') : writeTensor(inner, tensor, '', 'a tensor'),
      );
    }
  });
  return { type: 'opaque', value };
}

/** ONNX's own operators have two spellings of their domain. */
function readDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Versions by domain, each in a field with this number. Throws a UsageError when a domain has two. */
export function readOperatorSets(message: Message, number: number): Record<string, number> {
  const versions = new Map<string, number>();
  message.map(number, (set) => {
    const domain = readDomain(set.text(OPERATOR_SET.domain));
    const what = `operator set ${quoted(domain)}`;
    const version = set.count(OPERATOR_SET.version, `the version of ${what}`);
    if ((versions.get(domain) ?? version) !== version) throw set.malformed(`${what} occurs twice`);
    versions.set(domain, version);
    const other = set.fields.find(({ number }) => number > OPERATOR_SET.version);
    if (other) throw unsupported(set.reading, `field ${other.number} of ${what}`, 'export without it');
  });
  return Object.fromEntries(versions);
}

/** A function of the model's own. Throws a UsageError for one without a name. */
export function readFunction(message: Message): ModelFunction {
  const name = message.text(FUNCTION.name);
  if (name === '') throw message.malformed('a function has no name');
  const here = `function ${quoted(name)}`;
  const overload = message.text(FUNCTION.overload);
  return {
    domain: readDomain(message.text(FUNCTION.domain)),
    name,
    inputs: message.texts(FUNCTION.input),
    outputs: message.texts(FUNCTION.output),
    attributes: message.texts(FUNCTION.attribute),
    defaults: readAttributes(message, FUNCTION.attributeProto, here, 0),
    nodes: message.map(FUNCTION.node, (node, i) => readNode(node, i, ` of ${here}`, 0)),
    opsets: readOperatorSets(message, FUNCTION.opsetImport),
    ...(overload !== '' && { overload }),
    ...message.extra(),
  };
}
