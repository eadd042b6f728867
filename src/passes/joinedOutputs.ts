import { int64s, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { isUnary, moves } from '../graph/operators.ts';
import { transpose } from '../graph/ops.ts';
import { usedNames } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/** Who reads which values of a graph. */
export interface Uses {
  readonly readers: ReadonlyMap<string, readonly Node[]>;
  /** Names of the graph's outputs. */
  readonly outputs: ReadonlySet<string>;
  readonly stored: ReadonlyMap<string, Tensor>;
}

/** `stored` has the tensors of this graph and of those around it. */
export function usesIn(graph: Graph, stored: Uses['stored']): Uses {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  return { readers, outputs: new Set(graph.outputs.map((o) => o.name)), stored };
}

/** What one output of a pair becomes. */
export interface JoinedOutput {
  /** The bidirectional operator gives this value itself, which has a name. */
  readonly output?: string;
  /** What its output is called otherwise, if that is free; empty when nothing reads it. */
  readonly stem: string;
  /** Nodes that are not needed any more. */
  readonly gone: readonly Node[];
  /** Emits what stands in place of one of them, from the output `whole` of the bidirectional operator. */
  readonly emit?: (b: GraphBuilder, gone: Node, whole: string) => void;
}

/** Where an output [.., D, ..] has its directions. */
export interface OutputLayout {
  readonly axis: number;
  readonly rank: number;
  /** Whether each direction may be picked out of the whole where the two are not used alike. */
  readonly mayPick: boolean;
}

/**
 * What an output of a pair becomes: after the axis of the directions was dropped from both, the same operators follow
 * on both sides and end in one Concat. Undefined when they do not, unless each direction may be picked out of the whole.
 */
export function joinOutput(
  halves: readonly [string, string],
  layout: OutputLayout,
  uses: Uses,
): JoinedOutput | undefined {
  const [forward, reverse] = halves;
  const isRead = (name: string) => name !== '' && (uses.readers.has(name) || uses.outputs.has(name));
  if (!halves.some(isRead)) return { stem: '', gone: [] };
  const stem = (forward || reverse).replace(/\.(forward|reverse)(_\d+)?$/, '');
  const found = halves.every(isRead) ? climb(halves, layout, uses) : undefined;
  if (found) {
    const { gone, chain, end } = found;
    const output = end.node.outputs[0]!;
    if (end.stackedAt === layout.axis && chain.length === 0) return { output, stem, gone };
    return {
      stem,
      gone,
      emit: (b, node, whole) => {
        if (node === end.node) emitWhole(b, whole, layout, chain, end);
      },
    };
  }
  if (!layout.mayPick) return undefined;
  // Anything else reads one direction: Squeeze [1, B, H] of each, which Gather takes out of the whole.
  const squeezes = halves.map((name) => (isRead(name) ? squeezeOf(name, layout.axis, uses) : null));
  if (squeezes.includes(undefined)) return undefined;
  return {
    stem,
    gone: squeezes.filter((node) => node !== null && node !== undefined),
    emit: (b, node, whole) => {
      const index = b.constant(int64s([], [squeezes.indexOf(node)]));
      b.node('Gather', [b.value(whole), index], { axis: layout.axis }, node.outputs);
    },
  };
}

/** The only reader of a value, when it drops that axis. */
function squeezeOf(name: string, axis: number, uses: Uses): Node | undefined {
  const node = onlyReader(name, uses);
  const axes = node?.op === 'Squeeze' ? axesOf(node, uses) : undefined;
  return axes?.length === 1 && axes[0] === axis ? node : undefined;
}

function axesOf(node: Node, { stored }: Uses): readonly number[] | undefined {
  return intsAttribute(node, 'axes') ?? integers(stored.get(node.inputs[1] ?? ''));
}

function onlyReader(name: string, { readers, outputs }: Uses): Node | undefined {
  const found = readers.get(name) ?? [];
  return found.length === 1 && !outputs.has(name) ? found[0] : undefined;
}

/** The end of a chain: the Concat, and where it stacks the directions (undefined: it joins their units). */
interface ChainEnd {
  readonly node: Node;
  readonly stackedAt: number | undefined;
}

/** The nodes that do the same on both sides, up to the Concat. */
function climb(halves: readonly [string, string], { axis, rank }: OutputLayout, uses: Uses) {
  const gone: Node[] = [];
  const chain: Node[] = [];
  let [a, b] = halves.map((name) => squeezeOf(name, axis, uses)) as [Node | undefined, Node | undefined];
  for (;;) {
    if (a === undefined || b === undefined || a === b) return undefined;
    gone.push(a, b);
    const x: Node | undefined = onlyReader(a.outputs[0]!, uses);
    const y: Node | undefined = onlyReader(b.outputs[0]!, uses);
    if (x === undefined || y === undefined) return undefined;
    if (x === y) {
      const at = intAttribute(x, 'axis', 0);
      if (!concatenates(x, a, b) || (at !== rank - 2 && at !== -1)) return undefined;
      return { gone: [...gone, x], chain, end: { node: x, stackedAt: undefined } satisfies ChainEnd };
    }
    if (x.op !== y.op || JSON.stringify(x.attributes) !== JSON.stringify(y.attributes)) return undefined;
    if (x.op === 'Unsqueeze') {
      const end = stackEnd(x, y, uses);
      return end && { gone: [...gone, x, y, end.node], chain, end };
    }
    // An Identity gives a final state its name: what picks one direction serves better there.
    const isFunction = isUnary(x) && moves(x) !== 'keeps';
    const alike = isFunction && x.inputs.slice(1).join() === y.inputs.slice(1).join();
    if (!alike && x.op !== 'Transpose') return undefined;
    chain.push(x);
    [a, b] = [x, y];
  }
}

/** True for the Concat of what two nodes give, in this order. */
function concatenates({ op, inputs }: Node, a: Node, b: Node): boolean {
  return op === 'Concat' && inputs.length === 2 && inputs[0] === a.outputs[0] && inputs[1] === b.outputs[0];
}

/** Unsqueeze on both sides, then the Concat along the new axis. */
function stackEnd(x: Node, y: Node, uses: Uses): ChainEnd | undefined {
  const [at, other] = [axesOf(x, uses), axesOf(y, uses)];
  const [node, same] = [onlyReader(x.outputs[0]!, uses), onlyReader(y.outputs[0]!, uses)];
  if (at?.length !== 1 || other?.join() !== at.join() || node === undefined || node !== same) return undefined;
  if (!concatenates(node, x, y) || intAttribute(node, 'axis', 0) !== at[0]) return undefined;
  return { node, stackedAt: at[0] };
}

/** The chain on the whole value: its elementwise operators, one Transpose for all, and the Reshape that joins. */
function emitWhole(
  b: GraphBuilder,
  whole: string,
  { axis, rank }: OutputLayout,
  chain: readonly Node[],
  { node: end, stackedAt }: ChainEnd,
): void {
  let value = b.value(whole);
  // Where each axis of a half is in the whole.
  let order = Array.from({ length: rank - 1 }, (_, i) => (i < axis ? i : i + 1));
  for (const node of chain) {
    if (node.op === 'Transpose') {
      const perm = intsAttribute(node, 'perm') ?? [...order.keys()].reverse();
      order = perm.map((p) => order[p]!);
    } else {
      const others = node.inputs.slice(1).map((name) => (name === '' ? undefined : b.value(name)));
      value = b.node(node.op, [value, ...others], node.attributes)[0]!;
    }
  }
  const at = stackedAt ?? order.length - 1;
  const perm = [...order.slice(0, at), axis, ...order.slice(at)];
  if (stackedAt !== undefined) {
    b.node('Transpose', [value], { perm }, end.outputs);
    return;
  }
  const turned = perm.some((p, i) => p !== i) ? transpose(value, perm) : value;
  b.node('Reshape', [turned, b.ints([...order.slice(1).map(() => 0), -1])], {}, end.outputs);
}
