import { constantTensor } from './attributes.ts';
import { bodiesOf, mapBodies } from './rewrite.ts';
import type { Graph, Node, Tensor } from './types.ts';

/** The tensors that are stored in a graph itself, by name: initializers and constants. */
export function storedHere(graph: Graph): Map<string, Tensor> {
  const found = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const constant = constantTensor(node);
    if (constant) found.set(node.outputs[0]!, constant);
  }
  return found;
}

/** Every tensor that is stored in a graph, by name, those inside loops and branches included. */
export function storedTensors(graph: Graph): Map<string, Tensor> {
  const found = storedHere(graph);
  for (const body of graph.nodes.flatMap(bodiesOf)) {
    for (const [name, tensor] of storedTensors(body)) found.set(name, tensor);
  }
  return found;
}

/** A graph with other values in the tensors that are stored in it, those inside loops and branches included. */
export function mapStored(graph: Graph, change: (tensor: Tensor, name: string) => Tensor): Graph {
  const ofNode = (node: Node): Node => {
    const constant = constantTensor(node);
    if (constant === undefined) return mapBodies(node, (body) => mapStored(body, change));
    return { ...node, attributes: { value: { type: 'tensor', value: change(constant, node.outputs[0]!) } } };
  };
  return {
    ...graph,
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, change(tensor, name)])),
    nodes: graph.nodes.map(ofNode),
  };
}
