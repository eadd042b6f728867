import { SlimError } from '../base/errors.ts';
import { constantTensor, intAttribute } from '../graph/attributes.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { foreignInputs, foreignTraits } from '../graph/foreign.ts';
import { inferAllTypes } from '../graph/infer/infer.ts';
import { operatorName } from '../graph/names.ts';
import { numbersOf, numbersStored } from '../graph/numbers.ts';
import { inputsFor, isKnown, isLookup, isLoop, isRecurrent, movesOnce, operators } from '../graph/operators.ts';
import { allNodes, bodiesOf, handsOn, producers, usedNames } from '../graph/rewrite.ts';
import { RECURRENT_INPUT, stateSlots } from '../graph/slots.ts';
import { valueCount } from '../graph/sparseTensor.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Model, Node, Tensor } from '../graph/types.ts';

/** What a model takes to store and to run. */
export interface Costs {
  /**
   * Real numbers in initializers and constants, and the whole numbers of quantized weights. Scalars do not count, nor do
   * scales of quantization and constants of zeros: nothing was learned.
   */
  readonly parameters: number;
  /**
   * Multiply-adds per time step of one example: each weight of a matrix product once, each weight of a convolution once
   * (its cost at one position of its output), both branches of a condition as the dearer one. Lookups and elementwise
   * operators cost none.
   */
  readonly multiplyAdds: number;
}

/** Parameters and multiply-adds of a model; operators that are not known (`uncountedOperators`) cost nothing. */
export function costsOf({ graph }: Model): Costs {
  return {
    parameters: countParameters(graph),
    multiplyAdds: countMultiplyAdds(graph, new Map(), inferredSizes(graph)).count,
  };
}

/** Parameters of a graph and all graphs in it, as `Costs` says. */
export function countParameters(graph: Graph): number {
  const { weights, scales } = foreignInputs(graph);
  return countStored(graph, { shares: biasShares(graph), weights, scales: new Set([...scales, ...castScales(graph)]) });
}

interface Counting {
  readonly shares: ReadonlyMap<string, number>;
  /** Tensors that count whatever their type is, and those that do not. */
  readonly weights: ReadonlySet<string>;
  readonly scales: ReadonlySet<string>;
}

function countStored(graph: Graph, counting: Counting): number {
  const { shares, weights, scales } = counting;
  const held = (name: string, tensor: Tensor): number => {
    if (scales.has(name) && !weights.has(name)) return 0;
    const isWhole =
      (weights.has(name) && !isFloat(tensor.elementType) && tensor.dims.length > 0) || isInt8Matrix(tensor);
    return isWhole ? sizeOf(tensor.dims) * (shares.get(name) ?? 1) : parametersIn(tensor, shares.get(name));
  };
  let count = 0;
  for (const [name, tensor] of graph.initializers) count += held(name, tensor);
  for (const node of graph.nodes) {
    const constant = constantTensor(node);
    if (constant && !isAllZero(constant)) count += held(node.outputs[0]!, constant);
    for (const body of bodiesOf(node)) count += countStored(body, counting);
  }
  return count;
}

/** Weights that are cast before they are used have no operator that says so; nothing else is a matrix of int8. */
function isInt8Matrix({ elementType, dims }: Tensor): boolean {
  return elementType === 'int8' && dims.length >= 2;
}

/** Names of the stored tensors that multiply such matrices behind their Cast, or rows of both; bodies included. */
function castScales(graph: Graph): string[] {
  const nodes = allNodes(graph);
  const [made, stored] = [producers(nodes), storedTensors(graph)];
  const root = (name: string): string => {
    const maker = made.get(name);
    return maker !== undefined && isLookup(maker) ? root(maker.inputs[0]!) : name;
  };
  const isCastInt8 = (name: string): boolean => {
    const maker = made.get(name);
    if (maker?.op !== 'Cast' || maker.domain !== '') return false;
    const tensor = stored.get(root(maker.inputs[0]!));
    return tensor !== undefined && isInt8Matrix(tensor);
  };
  return nodes.flatMap(({ op, domain, inputs: [a, b] }) => {
    if (op !== 'Mul' || domain !== '') return [];
    const scale = isCastInt8(a!) ? root(b!) : isCastInt8(b!) ? root(a!) : undefined;
    return scale !== undefined && stored.has(scale) ? [scale] : [];
  });
}

/** Operators of a graph, and of the graphs in it, of which nobody knows what they cost: `com.example.Mystery`, each once. */
export function uncountedOperators(graph: Graph): string[] {
  const names = new Set<string>();
  const visit = (part: Graph): void => {
    for (const node of part.nodes) {
      if (!isKnown(node) && foreignTraits(node) === undefined) names.add(operatorName(node));
      bodiesOf(node).forEach(visit);
    }
  };
  visit(graph);
  return [...names];
}

/** Parameters that a tensor holds, of a sparse one what is stored; `share` as `biasShares` has it. */
export function parametersIn(tensor: Pick<Tensor, 'elementType' | 'dims'>, share = 1): number {
  return isFloat(tensor.elementType) && tensor.dims.length > 0 ? valueCount(tensor) * share : 0;
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
  const made = producers(graph.nodes);
  /** The tensor that a value is, moved or read as another type. */
  const stored = (name: string): string => {
    const maker = made.get(name);
    const isSame = maker !== undefined && (movesOnce(maker) || foreignTraits(maker)?.isStored);
    return isSame ? stored(maker.inputs[0] ?? '') : name;
  };
  for (const node of graph.nodes) {
    const bias = node.inputs[RECURRENT_INPUT.bias];
    if (!(isRecurrent(node) || foreignTraits(node)?.isRecurrent) || !bias) continue;
    const both = node.op === 'GRU' && intAttribute(node, 'linear_before_reset', 0) !== 0;
    shares.set(stored(bias), both ? 4 / 6 : 1 / 2);
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
    else for (const i of matrixPlaces(node)) count += stored.get(node.inputs[i] ?? '') ?? 0;
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

function matrixPlaces(node: Node): readonly number[] {
  const foreign = foreignTraits(node);
  if (foreign === undefined) return inputsFor(node, 'matrix');
  return foreign.isStored ? [] : foreign.weights;
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
    const values = isFloat(tensor.elementType) ? numbersStored(tensor) : undefined;
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
