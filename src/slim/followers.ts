import { constantNode, int64s, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import type { Node, Tensor } from '../graph/types.ts';
import { normalizeStart } from '../sparsity/tracing/movement.ts';
import { idsAlong, shapeOf, type Traced } from '../sparsity/tracing/traced.ts';

/*
 * Sizes and indices that a graph spells out as constants follow the channels that they count: the sizes of a Split, the
 * bounds of a Slice, the indices of a Gather, the target of a Reshape.
 */

/** What a node's constants are adapted to. */
export interface Channels {
  valueOf(name: string): Traced | undefined;
  /** True for the identity of a channel that goes. */
  goes(id: number): boolean;
  /** The integers of a constant, or undefined. */
  tensorOf(name: string): Tensor | undefined;
  /** A name for a new constant. */
  fresh(prefix: string): string;
}

/** A node whose constants are adapted, after the new constants that it needs. Nothing to adapt: the same node alone. */
export function adaptNode(node: Node, channels: Channels): Node[] {
  const adapt = node.domain === '' ? adaptations[node.op] : undefined;
  const data = channels.valueOf(node.inputs[0] ?? '');
  return adapt && data ? adapt(node, data, channels) : [node];
}

type Adaptation = (node: Node, data: Traced, channels: Channels) => Node[];

const split: Adaptation = (node, data, channels) => {
  const ids = along(data, intAttribute(node, 'axis', 0));
  if (ids === undefined || !ids.some(channels.goes)) return [node];
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), shapeOf(data)!.length)!;
  const sizes = node.outputs.map((name) => {
    const part = channels.valueOf(name);
    return countKept((part && idsAlong(part, axis)) ?? new Int32Array(0), channels);
  });
  if (intsAttribute(node, 'split')) return [withInts(node, 'split', sizes)];
  const equal = sizes.every((s) => s === sizes[0]);
  return node.inputs[1] || !equal ? withInput(node, 1, sizes, channels) : [node];
};

const slice: Adaptation = (node, data, channels) => {
  const attributes = intsAttribute(node, 'starts') !== undefined;
  const given = (name: string, input: number) =>
    attributes ? intsAttribute(node, name) : integers(channels.tensorOf(node.inputs[input] ?? ''));
  const [starts, ends] = [given('starts', 1), given('ends', 2)];
  if (starts === undefined || ends === undefined) return [node];
  const axes = given('axes', 3) ?? starts.map((_, i) => i);
  const move = (positions: readonly number[]) =>
    positions.map((position, i) => {
      const ids = along(data, axes[i]!);
      if (ids === undefined || !ids.some(channels.goes)) return position;
      return countKept(ids.subarray(0, normalizeStart(position, ids.length)), channels);
    });
  const [first, last] = [move(starts), move(ends)];
  if (equals(first, starts) && equals(last, ends)) return [node];
  if (attributes) return [withInts(withInts(node, 'starts', first), 'ends', last)];
  const [before, withStarts] = withInput(node, 1, first, channels) as [Node, Node];
  return [before, ...withInput(withStarts, 2, last, channels)];
};

const gather: Adaptation = (node, data, channels) => {
  const ids = along(data, intAttribute(node, 'axis', 0));
  const indices = integers(channels.tensorOf(node.inputs[1] ?? ''));
  if (ids === undefined || indices === undefined || !ids.some(channels.goes)) return [node];
  const picked = indices.map((i) => normalizeAxis(i, ids.length)!).filter((i) => !channels.goes(ids[i]!));
  const moved = picked.map((i) => countKept(ids.subarray(0, i), channels));
  const rank = channels.tensorOf(node.inputs[1]!)!.dims.length;
  return withInput(node, 1, moved, channels, rank === 0 ? [] : [moved.length]);
};

/** Reshape and Expand: entries of the target that say how many channels there are. */
const target: Adaptation = (node, _data, channels) => {
  const sizes = integers(channels.tensorOf(node.inputs[1] ?? ''));
  const result = channels.valueOf(node.outputs[0]!);
  if (sizes === undefined || result === undefined) return [node];
  const adapted = sizes.map((size, axis) => {
    const ids = idsAlong(result, axis);
    return size > 0 && ids && ids.some(channels.goes) ? countKept(ids, channels) : size;
  });
  return equals(adapted, sizes) ? [node] : withInput(node, 1, adapted, channels);
};

const adaptations: Readonly<Record<string, Adaptation>> = {
  Split: split,
  Slice: slice,
  Gather: gather,
  Reshape: target,
  Expand: target,
};

/** How many of these channels stay. */
export function countKept(ids: Int32Array, channels: Pick<Channels, 'goes'>): number {
  return ids.reduce((n, id) => n + (channels.goes(id) ? 0 : 1), 0);
}

function along(data: Traced, axis: number): Int32Array | undefined {
  const rank = shapeOf(data)?.length ?? 0;
  return idsAlong(data, normalizeAxis(axis, rank) ?? -1);
}

function withInts(node: Node, name: string, value: readonly number[]): Node {
  return { ...node, attributes: { ...node.attributes, [name]: { type: 'ints', value } } };
}

/** Feeds a new constant to an input; other nodes may go on with the old one. */
function withInput(
  node: Node,
  input: number,
  values: readonly number[],
  channels: Channels,
  dims: readonly number[] = [values.length],
): Node[] {
  const name = channels.fresh(`${node.outputs[0]}.sizes`);
  const inputs = [...node.inputs];
  while (inputs.length < input) inputs.push('');
  inputs[input] = name;
  const old = channels.tensorOf(node.inputs[input] ?? '');
  // Slice and Gather take either integer type, but starts and ends must be of the same.
  const value: Tensor =
    old?.elementType === 'int32' ? { elementType: 'int32', dims, data: Int32Array.from(values) } : int64s(dims, values);
  return [constantNode(name, value), { ...node, inputs }];
}

function equals(a: readonly number[], b: readonly number[]): boolean {
  return a.every((x, i) => x === b[i]);
}
