import type { Graph, ListedInitializer, Node, ValueInfo } from '../graph/types.ts';
import { writeAttribute } from './attribute.ts';
import { putEncoded, putMessage, putName, putText, type Writer } from './encode.ts';
import { GRAPH, NODE } from './fields.ts';
import { type Outside, writeOpaque, writeTensor } from './tensor.ts';
import { writeValueInfo } from './value.ts';

/** How the initializers of the main graph are written. */
export interface InitializerOptions {
  /** Lists all initializers among the inputs, as the format wants it up to version 3. */
  readonly listAll?: boolean;
  /** Where their values go, other than into the model. */
  readonly outside?: Outside;
}

/** Writes the fields of a GraphProto; `within` says of which node it is a part, as ` of node ...`. */
export function writeGraph(writer: Writer, graph: Graph, within: string, options: InitializerOptions = {}): void {
  const here = `graph '${graph.name}'${within}`;
  putEncoded(writer, graph.extra);
  putName(writer, GRAPH.name, graph.name);
  graph.nodes.forEach((node, i) => {
    putMessage(writer, GRAPH.node, (inner) => writeNode(inner, node, i, within));
  });
  const putValue = (number: number, info: ValueInfo, kind: string) =>
    putMessage(writer, number, (inner) => writeValueInfo(inner, info, `${kind} '${info.name}' of ${here}`));
  for (const info of listedInputs(graph, options.listAll ?? false)) putValue(GRAPH.input, info, 'input');
  for (const info of graph.outputs) putValue(GRAPH.output, info, 'output');
  for (const [name, type] of graph.valueInfo ?? []) {
    const extra = graph.valueExtras?.get(name);
    putValue(GRAPH.valueInfo, { name, type, ...(extra && { extra }) }, 'value');
  }
  for (const [name, tensor] of graph.opaqueInitializers ?? []) {
    const number = tensor.sparse ? GRAPH.sparseInitializer : GRAPH.initializer;
    putMessage(writer, number, (inner) => writeOpaque(inner, tensor, name));
  }
  for (const [name, tensor] of graph.initializers) {
    const what = `initializer '${name}' of ${here}`;
    putMessage(writer, GRAPH.initializer, (inner) => writeTensor(inner, tensor, name, what, options.outside));
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

/** Writes the fields of a NodeProto; `within` is that of its graph. */
export function writeNode(writer: Writer, node: Node, i: number, within: string): void {
  const here = `node ${i} '${node.name}' (${node.op})${within}`;
  putEncoded(writer, node.extra);
  for (const name of node.inputs) putText(writer, NODE.input, name);
  for (const name of node.outputs) putText(writer, NODE.output, name);
  putName(writer, NODE.name, node.name);
  putText(writer, NODE.opType, node.op);
  for (const [name, value] of Object.entries(node.attributes)) {
    const what = `attribute '${name}' of ${here}`;
    putMessage(writer, NODE.attribute, (inner) =>
      writeAttribute(inner, name, value, what, (graphWriter, graph) => writeGraph(graphWriter, graph, ` of ${what}`)),
    );
  }
  putName(writer, NODE.domain, node.domain);
  putName(writer, NODE.overload, node.overload ?? '');
}
