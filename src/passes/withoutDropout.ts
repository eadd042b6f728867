import type { GraphBuilder } from '../graph/builder.ts';
import { bodiesOf, finishRewrite, mapBodies, removeDeadNodes, startRewrite, usedNames } from '../graph/rewrite.ts';
import type { Graph, Model, Node } from '../graph/types.ts';
import { followOnes, type Ones } from './ones.ts';

/**
 * The model as it is used: without Dropout, which only acts in training, also inside loops and branches. Where a
 * Dropout of ones is a mask that values are multiplied by, these products go as well.
 */
export function withoutDropout(model: Model): Model {
  if (!hasDropout(model.graph)) return model;
  return { ...model, graph: removeDeadNodes(strip(model.graph, { names: new Map(), ones: new Map() })) };
}

function isDropout(node: Node): boolean {
  return node.op === 'Dropout' && node.domain === '';
}

function hasDropout(graph: Graph): boolean {
  return graph.nodes.some((node) => isDropout(node) || bodiesOf(node).some(hasDropout));
}

/** What a graph sees of those around it, by the names that values had there. */
interface Surroundings {
  /** The value that stands for one whose node has gone. */
  readonly names: ReadonlyMap<string, string>;
  readonly ones: ReadonlyMap<string, Ones>;
  readonly builder?: GraphBuilder;
}

function strip(graph: Graph, outer: Surroundings): Graph {
  const b = startRewrite(graph, { outer: outer.builder });
  const [names, ones] = [new Map(outer.names), new Map(outer.ones)];
  const define = (name: string) => {
    names.delete(name);
    ones.delete(name);
  };
  for (const name of [...graph.inputs.map((v) => v.name), ...graph.initializers.keys()]) define(name);
  const renamed = (name: string) => names.get(name) ?? name;
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const read = new Set(graph.nodes.flatMap(usedNames));
  for (const node of graph.nodes) {
    const same = sameAs(node, ones, {
      isTaken: (name) => read.has(name) || outputs.has(name),
      shapeOf: (name) => b.value(renamed(name)).type.shape,
    });
    const inside = mapBodies(node, (body) => strip(body, { names, ones, builder: b }));
    const inputs = node.inputs.map(renamed);
    for (const name of node.outputs) define(name);
    followOnes(node, ones);
    const [output] = node.outputs;
    if (same === undefined) b.addNode({ ...inside, inputs });
    else if (outputs.has(output!)) b.node('Identity', [b.value(renamed(same))], {}, [output!]);
    else names.set(output!, renamed(same));
  }
  return { ...finishRewrite(b, graph), outputs: graph.outputs.map((o) => ({ ...o, name: renamed(o.name) })) };
}

/** What is known of the values around a node. */
interface Values {
  isTaken(name: string): boolean;
  shapeOf(name: string): Graph['inputs'][number]['type']['shape'];
}

/** The input that comes out of a node as it is, without Dropout; undefined where the node does something. */
function sameAs(node: Node, ones: ReadonlyMap<string, Ones>, values: Values): string | undefined {
  const { inputs, outputs } = node;
  // The second output of Dropout says what was kept.
  if (isDropout(node)) return outputs[1] && values.isTaken(outputs[1]) ? undefined : inputs[0];
  if (node.op !== 'Mul' || node.domain !== '') return undefined;
  const mask = inputs.findIndex((name) => ones.get(name) === 'dropped');
  if (mask < 0) return undefined;
  const [x, m] = [values.shapeOf(inputs[1 - mask]!), values.shapeOf(inputs[mask]!)];
  if (x === undefined || m === undefined || m.length > x.length) return undefined;
  const fits = m.every((d, i) => d === 1 || d === x[x.length - m.length + i]);
  return fits ? inputs[1 - mask] : undefined;
}
