import { constantNode, int64s, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import { removeDeadNodes, usedNames } from '../graph/rewrite.ts';
import { concatTensors } from '../graph/tensors.ts';
import type { Attribute, Graph, Model, Node, Tensor } from '../graph/types.ts';
import { isRecurrent } from './lowerRecurrent.ts';
import { plainNode, storedHere, unary } from './parts.ts';
import { PER_DIRECTION, STATES, WEIGHTS } from './splitDirections.ts';

/*
 * The way back from `splitDirections`: a forward and a reverse operator with equally many units are one bidirectional
 * operator again, and the Concat of their outputs is Transpose and Reshape again.
 */

const FORWARD = ' (forward)';
const REVERSE = ' (reverse)';

/**
 * The same model with each pair `name (forward)`, `name (reverse)` that has equally many units as one operator. A pair
 * stays two operators where its outputs are used in a way that one operator would not serve better.
 */
export function joinDirections(model: Model): Model {
  let { graph } = model;
  const stacks = new Map<string, string>();
  for (const forward of graph.nodes) {
    if (!isRecurrent(forward) || !forward.name.endsWith(FORWARD)) continue;
    const stem = forward.name.slice(0, -FORWARD.length);
    const reverse = graph.nodes.find((n) => n.name === stem + REVERSE && n.op === forward.op);
    if (reverse) graph = joinPair(graph, forward, reverse, stem, stacks);
  }
  return graph === model.graph ? model : { ...model, graph };
}

/** What one output of the pair becomes. */
interface JoinedOutput {
  /** Name of the output of the bidirectional operator; empty when nothing reads it. */
  readonly name: string;
  /** Nodes that are not needed any more. */
  readonly gone: readonly Node[];
  /** Nodes instead of the last of them. */
  readonly instead: readonly Node[];
}

/** `stacks`: names of the tensors that were put together so far, by those of their halves: shared weights stay shared. */
function joinPair(graph: Graph, forward: Node, reverse: Node, stem: string, stacks: Map<string, string>): Graph {
  const stored = storedHere(graph);
  const merged = mergedInputs(graph, forward, reverse, stored, stacks);
  if (merged === undefined) return graph;
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) push(readers, name, node);
  }
  const uses: Uses = { readers, outputs: new Set(graph.outputs.map((o) => o.name)), stored };
  const batchFirst = intAttribute(forward, 'layout', 0) === 1;
  const joined: JoinedOutput[] = [];
  for (let k = 0; k < Math.max(forward.outputs.length, reverse.outputs.length); k++) {
    const axis = k === 0 ? (batchFirst ? 2 : 1) : batchFirst ? 1 : 0;
    const rank = k === 0 ? 4 : 3;
    const output = joinOutput(forward.outputs[k] ?? '', reverse.outputs[k] ?? '', axis, rank, k > 0, uses);
    if (output === undefined) return graph;
    joined.push(output);
  }
  const node: Node = {
    ...forward,
    name: stem,
    inputs: merged.inputs,
    outputs: joined.map((o) => o.name),
    attributes: bothAttributes(forward, reverse),
  };
  const gone = new Set<Node>(joined.flatMap((o) => o.gone));
  const last = new Map(joined.flatMap((o) => (o.gone.length > 0 ? [[o.gone[o.gone.length - 1]!, o.instead]] : [])));
  const later = graph.nodes.indexOf(forward) > graph.nodes.indexOf(reverse) ? forward : reverse;
  const nodes = graph.nodes.flatMap((n): readonly Node[] => {
    if (n === later) return [...merged.nodes, node];
    if (n === forward || n === reverse) return [];
    return last.get(n) ?? (gone.has(n) ? [] : [n]);
  });
  return removeDeadNodes({ ...graph, nodes, initializers: new Map([...graph.initializers, ...merged.initializers]) });
}

function push(lists: Map<string, Node[]>, name: string, node: Node): void {
  const list = lists.get(name);
  if (list) list.push(node);
  else lists.set(name, [node]);
}

/** The inputs of the bidirectional operator; undefined when the two operators do not fit together. */
function mergedInputs(
  graph: Graph,
  forward: Node,
  reverse: Node,
  stored: ReadonlyMap<string, Tensor>,
  stacks: Map<string, string>,
) {
  const attributes = (node: Node) => ({ ...node.attributes, direction: undefined, activations: undefined });
  const lists = (node: Node) => PER_DIRECTION.map((name) => node.attributes[name] !== undefined);
  if (JSON.stringify(attributes(forward)) !== JSON.stringify(attributes(reverse))) return undefined;
  if (lists(forward).join() !== lists(reverse).join()) return undefined;
  const nodes: Node[] = [];
  const initializers = new Map<string, Tensor>();
  const count = Math.max(forward.inputs.length, reverse.inputs.length);
  const inputs: string[] = [];
  for (let i = 0; i < count; i++) {
    const [a, b] = [forward.inputs[i] ?? '', reverse.inputs[i] ?? ''];
    if ((a === '') !== (b === '')) return undefined;
    if (a === '') inputs.push('');
    else if (WEIGHTS.some((w) => w === i)) {
      const [x, y] = [stored.get(a), stored.get(b)];
      if (x === undefined || y === undefined || x.dims.join() !== y.dims.join()) return undefined;
      const known = stacks.get(`${a}|${b}`);
      const name = known ?? wholeName(a, graph);
      if (known === undefined) {
        stacks.set(`${a}|${b}`, name);
        const tensor = { ...x, ...concatTensors([x, y], 0) };
        if (graph.initializers.has(a)) initializers.set(name, tensor);
        else nodes.push(constantNode(name, tensor));
      }
      inputs.push(name);
    } else if (STATES.some((s) => s === i)) {
      const axis = intAttribute(forward, 'layout', 0) === 1 ? 1 : 0;
      const name = `${forward.outputs.find((o) => o !== '')}.initial_${i}`;
      nodes.push(plainNode('Concat', [a, b], [name], { axis: { type: 'int', value: axis } }));
      inputs.push(name);
    } else if (a !== b) return undefined;
    else inputs.push(a);
  }
  return { inputs, nodes, initializers };
}

/** `W` of `W.forward`, or a name of its own when that is taken. */
function wholeName(name: string, graph: Graph): string {
  const stem = name.replace(/\.forward(_\d+)?$/, '');
  const taken = graph.initializers.has(stem) || graph.nodes.some((n) => n.outputs.includes(stem));
  return stem === name || taken ? `${name}.both` : stem;
}

function bothAttributes(forward: Node, reverse: Node): Record<string, Attribute> {
  const attributes: Record<string, Attribute> = { ...forward.attributes };
  attributes.direction = { type: 'string', value: 'bidirectional' };
  for (const name of PER_DIRECTION) {
    const [a, b] = [forward.attributes[name], reverse.attributes[name]];
    if (a?.type === 'strings' && b?.type === 'strings') attributes[name] = { ...a, value: [...a.value, ...b.value] };
    if (a?.type === 'floats' && b?.type === 'floats') attributes[name] = { ...a, value: [...a.value, ...b.value] };
  }
  return attributes;
}

interface Uses {
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  /** Names of the graph's outputs. */
  readonly outputs: ReadonlySet<string>;
  readonly stored: ReadonlyMap<string, Tensor>;
}

/**
 * How an output [.., D, ..] of the pair is used as a whole: after the axis of the directions was dropped from both, the
 * same operators follow on both sides and end in one Concat. Undefined when they do not; `pieces` allows that, and then
 * picks each direction out of the whole.
 */
function joinOutput(
  forward: string,
  reverse: string,
  axis: number,
  rank: number,
  pieces: boolean,
  uses: Uses,
): JoinedOutput | undefined {
  const read = (name: string) => name !== '' && ((uses.readers.get(name)?.length ?? 0) > 0 || uses.outputs.has(name));
  if (!read(forward) && !read(reverse)) return { name: '', gone: [], instead: [] };
  const name = (forward || reverse).replace(/\.(forward|reverse)(_\d+)?$/, '');
  const whole = name === forward || name === reverse || read(name) ? `${forward || reverse}.both` : name;
  const found = read(forward) && read(reverse) ? climb(forward, reverse, axis, rank, uses) : undefined;
  if (found) {
    const { gone, chain, end } = found;
    const output = end.outputs[0]!;
    if (end.stackedAt === axis && chain.length === 0) return { name: output, gone, instead: [] };
    return { name: whole, gone, instead: wholeNodes(whole, { axis, rank }, chain, end) };
  }
  if (!pieces) return undefined;
  // Anything else reads one direction: Squeeze [1, B, H] of each, which Gather takes out of the whole.
  const squeezes = [forward, reverse].map((n) => (read(n) ? squeezeOf(n, axis, uses) : null));
  if (squeezes.includes(undefined)) return undefined;
  const gone = squeezes.filter((s) => s !== null) as Node[];
  const instead = squeezes.flatMap((s, d): Node[] => {
    if (!s) return [];
    const index = `${s.outputs[0]}.direction`;
    return [
      constantNode(index, int64s([], [d])),
      plainNode('Gather', [whole, index], s.outputs, { axis: { type: 'int', value: axis } }),
    ];
  });
  return { name: whole, gone, instead };
}

/** The only reader of a value, when it drops that axis. */
function squeezeOf(name: string, axis: number, uses: Uses): Node | undefined {
  const node = onlyReader(name, uses);
  if (node?.op !== 'Squeeze') return undefined;
  const axes = intsAttribute(node, 'axes') ?? integers(uses.stored.get(node.inputs[1] ?? ''));
  return axes?.length === 1 && axes[0] === axis ? node : undefined;
}

function onlyReader(name: string, uses: Uses): Node | undefined {
  const readers = uses.readers.get(name) ?? [];
  return readers.length === 1 && !uses.outputs.has(name) ? readers[0] : undefined;
}

/** The end of a chain: the Concat, and where it stacks the directions (undefined: it joins their units). */
interface ChainEnd {
  readonly outputs: readonly string[];
  readonly stackedAt: number | undefined;
}

function climb(forward: string, reverse: string, axis: number, rank: number, uses: Uses) {
  const gone: Node[] = [];
  const chain: Node[] = [];
  let [a, b] = [squeezeOf(forward, axis, uses), squeezeOf(reverse, axis, uses)];
  for (;;) {
    if (a === undefined || b === undefined || a === b) return undefined;
    gone.push(a, b);
    const [x, y]: [Node | undefined, Node | undefined] = [
      onlyReader(a.outputs[0]!, uses),
      onlyReader(b.outputs[0]!, uses),
    ];
    if (x === undefined || y === undefined) return undefined;
    if (x === y) {
      const joins = x.op === 'Concat' && x.inputs.join() === [a.outputs[0], b.outputs[0]].join();
      const at = intAttribute(x, 'axis', 0);
      if (!joins || (at !== rank - 2 && at !== -1)) return undefined;
      return { gone: [...gone, x], chain, end: { outputs: x.outputs, stackedAt: undefined } satisfies ChainEnd };
    }
    if (x.op !== y.op || JSON.stringify(x.attributes) !== JSON.stringify(y.attributes)) return undefined;
    if (x.op === 'Unsqueeze') {
      const end = stackEnd(x, y, uses);
      return end && { gone: [...gone, x, y, end.node], chain, end };
    }
    const alike = unary.includes(x.op) && x.inputs.slice(1).join() === y.inputs.slice(1).join();
    if (!alike && x.op !== 'Transpose') return undefined;
    chain.push(x);
    [a, b] = [x, y];
  }
}

/** Unsqueeze on both sides, then the Concat along the new axis. */
function stackEnd(x: Node, y: Node, uses: Uses): (ChainEnd & { node: Node }) | undefined {
  const axesOf = (n: Node) => intsAttribute(n, 'axes') ?? integers(uses.stored.get(n.inputs[1] ?? ''));
  const [at, other] = [axesOf(x), axesOf(y)];
  const [node, same] = [onlyReader(x.outputs[0]!, uses), onlyReader(y.outputs[0]!, uses)];
  if (at?.length !== 1 || other?.join() !== at.join() || node === undefined || node !== same) return undefined;
  const joins = node.op === 'Concat' && node.inputs.join() === [x.outputs[0], y.outputs[0]].join();
  if (!joins || intAttribute(node, 'axis', 0) !== at[0]) return undefined;
  return { node, outputs: node.outputs, stackedAt: at[0] };
}

/** The chain on the whole value: its elementwise operators, one Transpose for all, and the Reshape that joins. */
function wholeNodes(
  whole: string,
  { axis, rank }: { readonly axis: number; readonly rank: number },
  chain: readonly Node[],
  end: ChainEnd,
): Node[] {
  const output = end.outputs[0]!;
  const nodes: Node[] = [];
  let value = whole;
  // Where each axis of a part is in the whole.
  let order = Array.from({ length: rank - 1 }, (_, i) => (i < axis ? i : i + 1));
  for (const [i, node] of chain.entries()) {
    if (node.op === 'Transpose') {
      const perm = intsAttribute(node, 'perm') ?? [...order.keys()].reverse();
      order = perm.map((p) => order[p]!);
      continue;
    }
    const next = `${output}.part_${i}`;
    nodes.push({ ...node, name: next, inputs: [value, ...node.inputs.slice(1)], outputs: [next] });
    value = next;
  }
  const at = end.stackedAt ?? order.length - 1;
  const perm = [...order.slice(0, at), axis, ...order.slice(at)];
  const moved = perm.some((p, i) => p !== i);
  const stackedName = end.stackedAt === undefined ? `${output}.stacked` : output;
  if (moved || end.stackedAt !== undefined) {
    nodes.push(plainNode('Transpose', [value], [stackedName], { perm: { type: 'ints', value: perm } }));
    value = stackedName;
  }
  if (end.stackedAt !== undefined) return nodes;
  const target = int64s([order.length], [...order.slice(1).map(() => 0), -1]);
  nodes.push(constantNode(`${output}.shape`, target), plainNode('Reshape', [value, `${output}.shape`], [output]));
  return nodes;
}
