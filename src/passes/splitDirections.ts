import { intAttribute } from '../graph/attributes.ts';
import type { FromOptions, GraphBuilder, Value } from '../graph/builder.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { isRecurrent } from '../graph/operators.ts';
import { gather, squeeze, unsqueeze } from '../graph/ops.ts';
import { bodiesOf, finishRewrite, producers, removeDeadNodes, startRewrite, usedNames } from '../graph/rewrite.ts';
import { storedTensors } from '../graph/stored.ts';
import { stridedTensor, stridesOf } from '../graph/tensors.ts';
import type { Attribute, Graph, Model, Node, Tensor } from '../graph/types.ts';
import { directionNames, isBidirectional, SHARED_LISTS, STATE_INPUTS, WEIGHT_INPUTS } from '../recurrent/directions.ts';
import { ConcatSinker } from './sinkConcat.ts';

/**
 * The same model with each bidirectional recurrent operator, whose directions must have equally many units, as two:
 * `name (forward)` and `name (reverse)`, inside loops and branches too. What consumers did with the axis of the directions, as Transpose and Reshape,
 * becomes a Concat. Operators whose weights are computed stay as they are.
 */
export function splitDirections(model: Model): Model {
  const { graph, opsets } = model;
  const stored = storedTensors(graph);
  const isWanted = (node: Node) => canSplit(node, stored);
  const parted = splitIn(graph, { isWanted, halves: new Map(), where: { opset: opsets[''] } });
  return parted === graph ? model : { ...model, graph: removeDeadNodes(parted) };
}

/** What holds for a graph and the graphs inside it. */
interface Splitting {
  isWanted(node: Node): boolean;
  /** The halves of a stored tensor, so that shared weights stay shared. */
  readonly halves: Map<string, readonly Value[]>;
  readonly where: FromOptions;
}

function splitIn(graph: Graph, splitting: Splitting): Graph {
  const { isWanted, halves, where } = splitting;
  const isOpen = (g: Graph): boolean =>
    g.nodes.some((node) => isWanted(node) || gathersStates(node, g) || bodiesOf(node).some(isOpen));
  if (!isOpen(graph)) return graph;
  const b = startRewrite(graph, where);
  const sinker = new ConcatSinker(b, graph, where.outer);
  const splitter: Splitter = { b, sinker, made: producers(graph.nodes), halves };
  for (const node of graph.nodes) {
    if (isWanted(node)) splitNode(splitter, node);
    else if (bodiesOf(node).some(isOpen)) {
      for (const name of usedNames(node)) sinker.whole(name);
      b.addNode(b.mapBodies(node, (body) => splitIn(body, { ...splitting, where: { outer: b } })));
    } else sinker.copy(node);
  }
  for (const output of graph.outputs) sinker.whole(output.name);
  return finishRewrite(b, graph);
}

function canSplit(node: Node, stored: ReadonlyMap<string, Tensor>): boolean {
  if (!isRecurrent(node) || !isBidirectional(node)) return false;
  const storedWeights = WEIGHT_INPUTS.every((i) => !node.inputs[i] || stored.get(node.inputs[i])?.dims[0] === 2);
  return storedWeights && sharesEvenly(node);
}

/** True when each direction's share of the lists is one half: alpha and beta have numbers for some activations only. */
function sharesEvenly({ attributes }: Node): boolean {
  const [activations = [], ...parameters] = SHARED_LISTS.map((name): readonly unknown[] => {
    const value = attributes[name]?.value;
    return Array.isArray(value) ? value : [];
  });
  const half = activations.length / 2;
  const alike = activations.slice(0, half).join() === activations.slice(half).join();
  const even = [activations, ...parameters].every((list) => list.length % 2 === 0);
  return even && (alike || parameters.every((list) => list.length === 0));
}

/** A Concat of final states: heads pick those of the last layer out of it, so it is worth pieces. */
function gathersStates(node: Node, graph: Graph): boolean {
  if (node.op !== 'Concat') return false;
  return graph.nodes.some((n) => isRecurrent(n) && n.outputs.slice(1).some((o) => o !== '' && node.inputs.includes(o)));
}

interface Splitter extends Pick<Splitting, 'halves'> {
  readonly b: GraphBuilder;
  readonly sinker: ConcatSinker;
  readonly made: ReadonlyMap<string, Node>;
}

/** Emits a bidirectional operator as two. */
function splitNode(splitter: Splitter, node: Node): void {
  const { b, sinker } = splitter;
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  const inputs = node.inputs.map((name, i): readonly (Value | undefined)[] => {
    if (name === '') return [];
    if (WEIGHT_INPUTS.includes(i)) return halvesOf(splitter, name);
    if (STATE_INPUTS.includes(i)) return statesOf(splitter, name, batchFirst ? 1 : 0);
    const whole = sinker.whole(name);
    return [whole, whole];
  });
  const results = directionNames(node).map((label, d) => {
    const outputs = node.outputs.map((o) => (o === '' ? '' : b.unique(`${o}.${d === 0 ? 'forward' : 'reverse'}`)));
    const own = inputs.map((pair) => pair[d]?.name ?? '');
    b.addNode({ ...node, name: label, inputs: own, outputs, attributes: directionAttributes(node, d) });
    return outputs;
  });
  node.outputs.forEach((output, k) => {
    if (output === '') return;
    const axis = k === 0 ? (batchFirst ? 2 : 1) : batchFirst ? 1 : 0;
    const values = results.map((outputs) => squeeze(b.value(outputs[k]!), [axis]));
    sinker.pieces.set(output, { values, axis, stacked: true });
  });
}

/** Both halves [1, …] of a stored tensor [2, …], as views of its values. */
function halvesOf({ b, halves }: Splitter, name: string): readonly Value[] {
  const known = halves.get(name);
  if (known) return known;
  const whole = b.value(name);
  const tensor = b.tensorOf(whole)!;
  const [dims, strides] = [[1, ...tensor.dims.slice(1)], stridesOf(tensor.dims)];
  const values = ['forward', 'reverse'].map((direction, d) => {
    const half = { ...tensor, ...stridedTensor(tensor, dims, strides, d * strides[0]!) };
    return b.storedLike(whole, b.unique(`${name}.${direction}`), half);
  });
  halves.set(name, values);
  return values;
}

/** The initial state of each direction: the two inputs of the Concat that makes it, or its halves. */
function statesOf({ b, sinker, made }: Splitter, name: string, axis: number): readonly Value[] {
  const pieces = sinker.pieces.get(name);
  if (pieces?.stacked && pieces.axis === axis && pieces.values.length === 2) {
    return pieces.values.map((piece) => unsqueeze(piece, [axis]));
  }
  const whole = sinker.whole(name);
  const maker = made.get(name);
  if (maker?.op === 'Concat' && maker.inputs.length === 2) {
    const along = normalizeAxis(intAttribute(maker, 'axis', 0), whole.type.shape?.length ?? 0);
    const parts = maker.inputs.map((input) => sinker.whole(input));
    if (along === axis && parts.every((part) => part.type.shape?.[axis] === 1)) return parts;
  }
  return [0, 1].map((d) => gather(whole, b.ints([d]), axis));
}

function directionAttributes(node: Node, d: number): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = { ...node.attributes };
  for (const name of SHARED_LISTS) {
    const a = attributes[name];
    if (a?.type === 'strings' || a?.type === 'floats') {
      const half = a.value.length / 2;
      attributes[name] = { ...a, value: a.value.slice(d * half, (d + 1) * half) } as Attribute;
    }
  }
  attributes.direction = { type: 'string', value: d === 0 ? 'forward' : 'reverse' };
  return attributes;
}
