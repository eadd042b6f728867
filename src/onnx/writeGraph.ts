import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Attribute, Graph, ListedInitializer, ModelFunction, Node, ValueInfo } from '../graph/types.ts';
import { ATTRIBUTE, FUNCTION, GRAPH, KIND, NODE, OPERATOR_SET } from './fields.ts';
import { writeSparse } from './sparse.ts';
import { type Outside, writeOpaque, writeTensor } from './tensor.ts';
import { writeValueInfo } from './value.ts';
import type { Writer } from './writer.ts';

/**
 * Writes the fields of a GraphProto; `within` says of which node it is a part, as ` of node ...`. `listAll` lists all
 * initializers among the inputs, as the format wants it up to version 3; their values may go `outside` the model.
 */
export function writeGraph(writer: Writer, graph: Graph, within: string, listAll = false, outside?: Outside): void {
  const here = `graph '${graph.name}'${within}`;
  writer.encoded(graph.extra);
  writer.encoded(graph.otherValueInfo);
  writer.name(GRAPH.name, graph.name);
  writeNodes(writer, GRAPH.node, graph.nodes, within);
  const titleOf = (name: string) => `initializer '${name}' of ${here}`;
  const putValue = (number: number, info: ValueInfo, kind: string) =>
    writer.message(number, (inner) => writeValueInfo(inner, info, `${kind} '${info.name}' of ${here}`));
  for (const info of listedInputs(graph, listAll)) putValue(GRAPH.input, info, 'input');
  for (const info of graph.outputs) putValue(GRAPH.output, info, 'output');
  for (const [name, type] of graph.valueInfo ?? []) {
    const extra = graph.valueExtras?.get(name);
    putValue(GRAPH.valueInfo, { name, type, ...(extra && { extra }) }, 'value');
  }
  for (const [name, tensor] of graph.opaqueInitializers ?? []) {
    const number = tensor.sparse ? GRAPH.sparseInitializer : GRAPH.initializer;
    writer.message(number, (inner) => writeOpaque(inner, tensor, name));
  }
  const sparse: [name: string, tensor: SparseTensor][] = [];
  for (const [name, tensor] of graph.initializers) {
    if (tensor instanceof SparseTensor) sparse.push([name, tensor]);
    else writer.message(GRAPH.initializer, (inner) => writeTensor(inner, tensor, name, titleOf(name), outside));
  }
  // By name: a tensor that becomes sparse later must not end at another place of the file.
  for (const [name, tensor] of sparse.sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.message(GRAPH.sparseInitializer, (inner) => writeSparse(inner, tensor, name, titleOf(name)));
  }
}

/** The inputs, and the initializers that are listed among them, each where it was. */
function listedInputs({ inputs, initializers, opaqueInitializers, listedInitializers }: Graph, all: boolean) {
  const kept = (listedInitializers ?? []).flatMap(({ at, info }): ListedInitializer[] => {
    const tensor = initializers.get(info.name);
    if (tensor === undefined) return opaqueInitializers?.has(info.name) ? [{ at, info }] : [];
    // A tensor that was cut must not be announced in its old size.
    const fits = info.type.shape === undefined || couldBe(info.type.shape, tensor.dims);
    return [{ at, info: fits ? info : { name: info.name, type: { ...info.type, shape: tensor.dims } } }];
  });
  const listed: ValueInfo[] = [];
  let next = 0;
  for (const input of inputs) {
    while (next < kept.length && kept[next]!.at <= listed.length) listed.push(kept[next++]!.info);
    listed.push(input);
  }
  for (const { info } of kept.slice(next)) listed.push(info);
  const names = new Set(listed.map((info) => info.name));
  for (const [name, { elementType, dims }] of all ? initializers : []) {
    if (!names.has(name)) listed.push({ name, type: { elementType, shape: dims } });
  }
  return listed;
}

function couldBe(shape: readonly (number | string)[], dims: readonly number[]): boolean {
  return shape.length === dims.length && shape.every((dim, axis) => typeof dim === 'string' || dim === dims[axis]);
}

/** Writes nodes, each in a field with this number; `within` is that of their graph. */
function writeNodes(writer: Writer, number: number, nodes: readonly Node[], within: string): void {
  nodes.forEach((node, i) => {
    const here = `node ${i} '${node.name}' (${node.op})${within}`;
    writer.message(number, (inner) => {
      inner.encoded(node.extra);
      for (const name of node.inputs) inner.text(NODE.input, name);
      for (const name of node.outputs) inner.text(NODE.output, name);
      inner.name(NODE.name, node.name);
      inner.text(NODE.opType, node.op);
      writeAttributes(inner, NODE.attribute, node.attributes, here);
      inner.name(NODE.domain, node.domain);
      inner.name(NODE.overload, node.overload);
    });
  });
}

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

/** Writes attributes by name, each in a field with this number; `here` says what has them. */
function writeAttributes(
  writer: Writer,
  number: number,
  attributes: Readonly<Record<string, Attribute>>,
  here: string,
): void {
  for (const [name, attribute] of Object.entries(attributes)) {
    writer.message(number, (inner) => {
      inner.encoded(attribute.extra);
      inner.name(ATTRIBUTE.name, name);
      if (attribute.type === 'opaque') inner.encoded(attribute.value);
      else if (attribute.type === 'reference') inner.text(ATTRIBUTE.refAttrName, attribute.value);
      else {
        const { field, kind } = FORMS[attribute.type];
        inner.int(ATTRIBUTE.type, kind);
        writeValue(inner, attribute, field, `attribute '${name}' of ${here}`);
      }
    });
  }
}

type Modelled = Exclude<Attribute, { readonly type: 'opaque' | 'reference' }>;

function writeValue(writer: Writer, { type, value }: Modelled, field: number, what: string): void {
  switch (type) {
    case 'int':
      writer.int64(field, value, what);
      break;
    case 'ints':
      for (const v of value) writer.int64(field, v, what);
      break;
    case 'float':
      writer.float(field, value, what);
      break;
    case 'floats':
      for (const v of value) writer.float(field, v, what);
      break;
    case 'string':
      writer.utf8(field, value, what);
      break;
    case 'strings':
      for (const v of value) writer.utf8(field, v, what);
      break;
    case 'tensor':
      writer.message(field, (inner) => writeTensor(inner, value, '', what));
      break;
    case 'tensors':
      for (const v of value) writer.message(field, (inner) => writeTensor(inner, v, '', what));
      break;
    case 'graph':
      writer.message(field, (inner) => writeGraph(inner, value, ` of ${what}`));
      break;
    case 'graphs':
      for (const v of value) writer.message(field, (inner) => writeGraph(inner, v, ` of ${what}`));
      break;
  }
}

/** Writes versions by domain, each in a field with this number. */
export function writeOperatorSets(writer: Writer, number: number, opsets: Readonly<Record<string, number>>): void {
  for (const [domain, version] of Object.entries(opsets)) {
    writer.message(number, (set) => {
      set.name(OPERATOR_SET.domain, domain);
      set.count(OPERATOR_SET.version, version, `the version of operator set '${domain}'`);
    });
  }
}

/** Writes the fields of a FunctionProto. */
export function writeFunction(writer: Writer, f: ModelFunction): void {
  const here = `function '${f.name}'`;
  writer.encoded(f.extra);
  writer.text(FUNCTION.name, f.name);
  writer.name(FUNCTION.domain, f.domain);
  writer.name(FUNCTION.overload, f.overload);
  for (const name of f.inputs) writer.text(FUNCTION.input, name);
  for (const name of f.outputs) writer.text(FUNCTION.output, name);
  for (const name of f.attributes) writer.text(FUNCTION.attribute, name);
  writeAttributes(writer, FUNCTION.attributeProto, f.defaults, here);
  writeNodes(writer, FUNCTION.node, f.nodes, ` of ${here}`);
  writeOperatorSets(writer, FUNCTION.opsetImport, f.opsets);
}
