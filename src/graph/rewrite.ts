import { constantNode, graphsOf, mapGraphs } from './attributes.ts';
import { type FromOptions, GraphBuilder, type Value } from './builder.ts';
import type { Graph, Node } from './types.ts';

/** The graphs in a node's attributes: the body of a loop, the branches of an If. */
export const bodiesOf = graphsOf;

/** A node with the graphs in its attributes changed. */
export const mapBodies = mapGraphs;

/** All nodes of a graph, each before those of the graphs inside it. */
export function allNodes(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => [node, ...bodiesOf(node).flatMap(allNodes)]);
}

/** Names that a graph uses but does not define: what a loop's body takes from the graphs around it. */
export function capturedNames(graph: Graph): Set<string> {
  const own = new Set<string>([...graph.inputs.map((v) => v.name), ...graph.initializers.keys()]);
  const captured = new Set<string>();
  const use = (name: string) => {
    if (name !== '' && !own.has(name)) captured.add(name);
  };
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) use(name);
    for (const name of node.outputs) own.add(name);
  }
  for (const output of graph.outputs) use(output.name);
  return captured;
}

/** Everything a node reads: its inputs and what the bodies in its attributes capture. */
export function usedNames(node: Node): string[] {
  const names = node.inputs.filter((name) => name !== '');
  for (const body of bodiesOf(node)) names.push(...capturedNames(body));
  return names;
}

/** A node with its inputs (and what its bodies capture) renamed; outputs keep their names. */
export function renameInputs(node: Node, names: ReadonlyMap<string, string>): Node {
  if (!usedNames(node).some((n) => names.has(n))) return node;
  const inside = mapBodies(node, (body) => renameCaptured(body, names));
  return { ...inside, inputs: node.inputs.map((n) => names.get(n) ?? n) };
}

/** A body with captured names replaced; names that it defines itself are left alone. */
export function renameCaptured(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const captured = capturedNames(graph);
  const applicable = new Map([...names].filter(([from]) => captured.has(from)));
  if (applicable.size === 0) return graph;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renameInputs(node, applicable)),
    outputs: graph.outputs.map((o) => ({ ...o, name: applicable.get(o.name) ?? o.name })),
  };
}

/** A body whose own initializers are `Constant` nodes, so that whoever takes it apart has only nodes to look at. */
export function initializersAsConstants(body: Graph): Graph {
  if (body.initializers.size === 0) return body;
  const constants = [...body.initializers].map(([name, value]) => constantNode(name, value));
  return { ...body, initializers: new Map(), nodes: [...constants, ...body.nodes] };
}

/** Nodes that the wanted values depend on, in order. */
export function liveNodes(nodes: readonly Node[], wanted: Iterable<string>): Node[] {
  const live = new Set(wanted);
  const kept: Node[] = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (!node.outputs.some((name) => live.has(name))) continue;
    kept.push(node);
    for (const name of usedNames(node)) live.add(name);
  }
  return kept.reverse();
}

/** A graph without nodes and initializers that no output depends on; inputs stay. */
export function removeDeadNodes(graph: Graph): Graph {
  const outputs = graph.outputs.map((o) => o.name);
  const nodes = liveNodes(graph.nodes, outputs).map((node) => mapBodies(node, removeDeadNodes));
  const used = readNames({ ...graph, nodes });
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return { ...graph, nodes, initializers };
}

/** Everything that the nodes and outputs of a graph read. */
export function readNames(graph: Graph): Set<string> {
  return new Set(useCounts(graph).keys());
}

/** A graph without those of the named constants and initializers that nothing uses. */
export function dropUnused(graph: Graph, names: ReadonlySet<string>): Graph {
  if (names.size === 0) return graph;
  const used = readNames(graph);
  const isLeft = (name: string) => names.has(name) && !used.has(name);
  return {
    ...graph,
    nodes: graph.nodes.filter((n) => !(n.op === 'Constant' && isLeft(n.outputs[0]!))),
    initializers: new Map([...graph.initializers].filter(([name]) => !isLeft(name))),
  };
}

/** The node that defines each value. */
export function producers(nodes: readonly Node[]): Map<string, Node> {
  const map = new Map<string, Node>();
  for (const node of nodes) for (const name of node.outputs) if (name !== '') map.set(name, node);
  return map;
}

/** True when an output of a body is one of its inputs. */
export function handsOn(body: Graph, input: number, output: number): boolean {
  const made = producers(body.nodes);
  let name = body.outputs[output]?.name;
  // As many steps as there are nodes: a name may be hidden by one of the same spelling.
  for (let i = 0; i < body.nodes.length && made.get(name ?? '')?.op === 'Identity'; i++) {
    name = made.get(name!)!.inputs[0];
  }
  return name === body.inputs[input]?.name;
}

/** How often each value is read by the nodes and outputs of a graph. */
export function useCounts({ nodes, outputs }: Graph): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...nodes.flatMap(usedNames), ...outputs.map((o) => o.name)]) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** A builder over the inputs and initializers of a graph, to which its nodes come one by one; all its names are taken. */
export function startRewrite(graph: Graph, options: FromOptions = {}): GraphBuilder {
  const b = GraphBuilder.from({ ...graph, nodes: [], outputs: [] }, options);
  b.reserve(graph);
  return b;
}

/** The graph that a builder made of another one; outputs, and what a file says beside, are those of the old one. */
export function finishRewrite(b: GraphBuilder, graph: Graph): Graph {
  return { ...graph, ...b.build(), outputs: graph.outputs };
}

/** A body whose inputs say no shapes: those that a file declares for them may be wrong, and nothing checks them. */
export function withoutInputShapes(body: Graph): Graph {
  const inputs = body.inputs.map((info) => ({ ...info, type: { ...info.type, shape: undefined } }));
  return { ...body, inputs };
}

/** Copies a graph node by node; `visit` may emit something else in place of a node, and says so. */
export function rewriteNodes(
  graph: Graph,
  visit: (b: GraphBuilder, node: Node) => boolean,
  options: FromOptions = {},
): Graph {
  const b = startRewrite(graph, options);
  for (const node of graph.nodes) if (!visit(b, node)) b.addNode(node);
  return finishRewrite(b, graph);
}

/** As `rewriteNodes`, in the graphs inside nodes as well; those without a node that is `wanted` stay as they are. */
export function rewriteAll(
  graph: Graph,
  wanted: (node: Node) => boolean,
  visit: (b: GraphBuilder, node: Node) => boolean,
  options: FromOptions = {},
): Graph {
  if (!allNodes(graph).some(wanted)) return graph;
  const b = startRewrite(graph, options);
  for (const node of graph.nodes) {
    if (visit(b, node)) continue;
    const inside = bodiesOf(node).some((body) => allNodes(body).some(wanted));
    b.addNode(inside ? b.mapBodies(node, (body) => rewriteAll(body, wanted, visit, { outer: b })) : node);
  }
  return finishRewrite(b, graph);
}

/** Gives the first output of a node that is not copied its new computation, and says that it did. */
export function replaceWith(b: GraphBuilder, node: Node, value: Value): true {
  b.node('Identity', [value], {}, [node.outputs[0]!]);
  return true;
}
