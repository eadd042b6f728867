import { SlimError } from '../base/errors.ts';
import { constantTensor, intAttribute } from '../graph/attributes.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { inferAllTypes } from '../graph/infer/infer.ts';
import { numbersOf } from '../graph/numbers.ts';
import { inputsFor, isLookup, isLoop, isRecurrent, operators } from '../graph/operators.ts';
import { allNodes, bodiesOf, handsOn, producers, usedNames } from '../graph/rewrite.ts';
import { RECURRENT_INPUT, stateSlots } from '../graph/slots.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';

/** What a model takes to store and to run. */
export interface Costs {
  /** Real numbers in initializers and constants. Scalars do not count, nor do constants of zeros: nothing was learned. */
  readonly parameters: number;
  /**
   * Multiply-adds per time step of one example: each weight of a matrix product once, each weight of a convolution once
   * (its cost at one position of its output), both branches of a condition as the dearer one. Lookups and elementwise
   * operators cost none.
   */
  readonly multiplyAdds: number;
}

/** Parameters and multiply-adds of a model; operators that are not known cost nothing. */
export function costsOf({ graph }: Model): Costs {
  return {
    parameters: countParameters(graph),
    multiplyAdds: countMultiplyAdds(graph, new Map(), inferredSizes(graph)).count,
  };
}

/** Parameters of a graph and all graphs in it, as `Costs` says. */
export function countParameters(graph: Graph): number {
  const share = biasShares(graph);
  let count = 0;
  for (const [name, tensor] of graph.initializers) count += parametersIn(tensor, share.get(name));
  for (const node of graph.nodes) {
    const constant = constantTensor(node);
    if (constant && !isAllZero(constant)) count += parametersIn(constant, share.get(node.outputs[0]!));
    for (const body of bodiesOf(node)) count += countParameters(body);
  }
  return count;
}

/** Parameters that a tensor holds; `share` as `biasShares` has it. */
export function parametersIn({ elementType, dims }: Pick<Tensor, 'elementType' | 'dims'>, share = 1): number {
  return isFloat(elementType) && dims.length > 0 ? sizeOf(dims) * share : 0;
}

/** True for a tensor of real zeros. */
export function isAllZero(tensor: Tensor): boolean {
  return isFloat(tensor.elementType) && (numbersOf(tensor)?.every((value) => value === 0) ?? false);
}

/**
 * The part of each bias of a recurrent operator that counts. ONNX's operators take two bias vectors [D, 2GH] that are
 * only ever added to each other, so that one counts; in a GRU with `linear_before_reset` the last of its three gates
 * needs both. Bodies of loops included.
 */
export function biasShares(graph: Graph): Map<string, number> {
  const shares = new Map<string, number>();
  for (const node of graph.nodes) {
    const bias = node.inputs[RECURRENT_INPUT.bias];
    if (!isRecurrent(node) || !bias) continue;
    const both = node.op === 'GRU' && intAttribute(node, 'linear_before_reset', 0) !== 0;
    shares.set(bias, both ? 4 / 6 : 1 / 2);
  }
  for (const body of graph.nodes.flatMap(bodiesOf))
    for (const [name, share] of biasShares(body)) shares.set(name, share);
  return shares;
}

/** Elements of a value whose size is known. */
type Sizes = (name: string) => number | undefined;

function inferredSizes(graph: Graph): Sizes {
  try {
    const typeOf = inferAllTypes(graph);
    return (name) => {
      const shape = typeOf(name)?.shape;
      return isStatic(shape) ? sizeOf(shape) : undefined;
    };
  } catch (error) {
    // A graph that does not fit together has weights all the same.
    if (!(error instanceof SlimError)) throw error;
    return () => undefined;
  }
}

/**
 * Multiply-adds of a graph, and the sizes of its values that are computed from stored tensors only; `outer` has those of
 * the graphs around it.
 */
function countMultiplyAdds(graph: Graph, outer: ReadonlyMap<string, number>, inferred: Sizes) {
  const stored = new Map(outer);
  for (const [name, tensor] of graph.initializers) stored.set(name, sizeOf(tensor.dims));
  let count = 0;
  for (const node of graph.nodes) {
    const bodies = bodiesOf(node);
    const constant = constantTensor(node);
    if (bodies.length > 0) count += countInside(node, bodies, stored, inferred);
    else if (constant) stored.set(node.outputs[0]!, sizeOf(constant.dims));
    else if (node.inputs.length > 0 && usedNames(node).every((name) => stored.has(name)))
      derive(node, stored, inferred);
    else for (const i of inputsFor(node, 'matrix')) count += stored.get(node.inputs[i]!) ?? 0;
  }
  return { count, stored };
}

/** Multiply-adds of the dearest body of a node; outputs that every body makes of stored tensors are stored, too. */
function countInside(node: Node, bodies: readonly Graph[], stored: Map<string, number>, inferred: Sizes): number {
  const counted = bodies.map((body) => {
    const own = new Map([...stored, ...carriedWeights(node, body, stored)]);
    return { body, ...countMultiplyAdds(body, own, inferred) };
  });
  const before = isLoop(node) ? operators[node.op].loop.outputsBefore : 0;
  for (const [i, name] of node.outputs.entries()) {
    const sizes = counted.map(({ body, stored: own }) => own.get(body.outputs[i + before]?.name ?? ''));
    if (sizes.every((size) => size !== undefined)) stored.set(name, inferred(name) ?? Math.max(...sizes));
  }
  return Math.max(...counted.map(({ count }) => count));
}

/** Sizes of the stored values that a loop hands from step to step as they are, by their names in the body. */
function carriedWeights(node: Node, body: Graph, stored: ReadonlyMap<string, number>): [string, number][] {
  const slots = stateSlots(node);
  if (!isLoop(node) || slots === undefined) return [];
  const { outputsBefore } = operators[node.op].loop;
  return slots.inputs.flatMap((input, i): [string, number][] => {
    const size = stored.get(node.inputs[input]!);
    const name = body.inputs[input]?.name;
    return size !== undefined && name !== undefined && handsOn(body, input, outputsBefore + i) ? [[name, size]] : [];
  });
}

/** Sizes of what a node makes of stored tensors: Split divides, Concat adds up, the others move or combine elements. */
function derive(node: Node, stored: Map<string, number>, inferred: Sizes): void {
  const sizes = node.inputs.filter((name) => name !== '').map((name) => stored.get(name)!);
  const total = node.op === 'Concat' ? sizes.reduce((a, b) => a + b, 0) : sizes[0]!;
  for (const name of node.outputs) if (name !== '') stored.set(name, inferred(name) ?? total / node.outputs.length);
}

/** Where a model's parameters are. */
export type ParameterSplit = ReturnType<typeof splitParameters>;

/** Splits the initializers of a model, those inside loops and branches included, into embedding, recurrent layers (operators and loops) and output. */
export function splitParameters(graph: Graph) {
  const all = allNodes(graph);
  const tables = new Set(all.flatMap((node) => (isLookup(node) ? node.inputs.slice(0, 1) : [])));
  const isLayer = (node: Node) =>
    isRecurrent(node) || isLoop(node) || bodiesOf(node).some((b) => b.nodes.some(isLayer));
  const layers = graph.nodes.filter(isLayer);
  const recurrent = readBefore(graph, layers);
  const counts = {
    /** Tables that are looked up; a table that is the output's matrix too counts here. */
    embedding: { stored: 0, nonzero: 0 },
    /** What recurrent layers read, and everything between them and the input. */
    recurrent: { stored: 0, nonzero: 0 },
    /** Everything after the last recurrent layer. */
    output: { stored: 0, nonzero: 0 },
  };
  const inside = layers.flatMap(bodiesOf).flatMap((body) => [...initializersIn(body)]);
  for (const [name] of inside) recurrent.add(name);
  const bodies = graph.nodes.flatMap(bodiesOf).flatMap((body) => [...initializersIn(body)]);
  for (const [name, tensor] of [...graph.initializers, ...bodies]) {
    const values = isFloat(tensor.elementType) ? numbersOf(tensor) : undefined;
    if (values === undefined) continue;
    const part = counts[tables.has(name) ? 'embedding' : recurrent.has(name) ? 'recurrent' : 'output'];
    part.stored += values.length;
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) part.nonzero++;
  }
  return counts;
}

/** Initializers of a body and of the graphs inside it. */
function initializersIn(body: Graph): (readonly [string, Tensor])[] {
  return [...body.initializers, ...body.nodes.flatMap(bodiesOf).flatMap(initializersIn)];
}

/** Names of all values that some of the nodes depend on. */
function readBefore(graph: Graph, wanted: readonly Node[]): Set<string> {
  const made = producers(graph.nodes);
  const found = new Set<string>();
  const queue = wanted.flatMap(usedNames);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const maker = made.get(name);
    if (maker) queue.push(...usedNames(maker));
  }
  return found;
}
