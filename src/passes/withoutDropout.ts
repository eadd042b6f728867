import { constantTensor } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { moves } from '../graph/operators.ts';
import { bodiesOf, finishRewrite, mapBodies, readNames, removeDeadNodes, startRewrite } from '../graph/rewrite.ts';
import type { Dim, Graph, Model, Node, Tensor } from '../graph/types.ts';

/**
 * The model as it is used: without Dropout, which only acts in training, also inside loops and branches. Where a
 * Dropout of ones is a mask that values are multiplied by, these products go as well.
 */
export function withoutDropout(model: Model): Model {
  if (!hasDropout(model.graph)) return model;
  return { ...model, graph: removeDeadNodes(strip(model.graph, { names: new Map(), ones: new Map() })) };
}

/** True for ONNX's Dropout. */
export function isDropout(node: Node): boolean {
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
  const taken = readNames(graph);
  for (const node of graph.nodes) {
    const same = sameAs(node, ones, (name) => b.value(renamed(name)).type.shape, taken);
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

/** The input that comes out of a node as it is, without Dropout; undefined where the node does something. */
function sameAs(
  node: Node,
  ones: ReadonlyMap<string, Ones>,
  shapeOf: (name: string) => readonly Dim[] | undefined,
  taken: ReadonlySet<string>,
): string | undefined {
  const { inputs, outputs } = node;
  // The second output of Dropout says what was kept.
  if (isDropout(node)) return outputs[1] && taken.has(outputs[1]) ? undefined : inputs[0];
  if (node.op !== 'Mul' || node.domain !== '') return undefined;
  const mask = inputs.findIndex((name) => ones.get(name) === 'dropped');
  if (mask < 0) return undefined;
  const [x, m] = [shapeOf(inputs[1 - mask]!), shapeOf(inputs[mask]!)];
  if (x === undefined || m === undefined || m.length > x.length) return undefined;
  const fits = m.every((d, i) => d === 1 || d === x[x.length - m.length + i]);
  return fits ? inputs[1 - mask] : undefined;
}

/** What is known of a value all of whose elements are 1; `dropped` ones went through a Dropout. */
export type Ones = 'ones' | 'dropped';

/**
 * Follows values of ones: adds to `known` what the outputs of the next node are. Ones behind a Dropout are a mask of
 * variational dropout (Gal and Ghahramani 2016). Parameters never count, as they may become something else.
 */
export function followOnes(node: Node, known: Map<string, Ones>): void {
  if (node.domain !== '') return;
  const [output] = node.outputs;
  const constant = constantTensor(node);
  if (constant) {
    if (isAllOnes(constant)) known.set(output!, 'ones');
    return;
  }
  const value = node.attributes.value;
  if (node.op === 'ConstantOfShape' && value?.type === 'tensor' && isAllOnes(value.value)) known.set(output!, 'ones');
  const [input, second] = node.inputs.map((name) => known.get(name));
  if (input === undefined) return;
  if (node.op === 'Dropout') known.set(output!, 'dropped');
  else if (node.op === 'Mul' && second) known.set(output!, input === 'dropped' ? input : second);
  else if (moves(node)) for (const name of node.outputs) known.set(name, input);
}

function isAllOnes({ data }: Tensor): boolean {
  return (data instanceof Float32Array || data instanceof Float64Array) && data.every((v) => v === 1);
}
