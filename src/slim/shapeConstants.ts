import { int64s, intAttribute, integers, intsAttribute } from '../graph/attributes.ts';
import type { FromOptions, GraphBuilder } from '../graph/builder.ts';
import { isStatic, normalizeAxis, sliceBound } from '../graph/dims.ts';
import { dropUnused, finishRewrite, mapBodies, producers, startRewrite } from '../graph/rewrite.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import type { Dim, Graph, Node, Tensor, TensorType } from '../graph/types.ts';
import { idsAlong, idsOf, shapeOf, type Traced } from '../groups/tracing/traced.ts';
import type { Trace } from '../groups/tracing/walk.ts';
import { adaptedIntegers, elementsOf, integersLike, type Wanted } from './adaptedIntegers.ts';

/*
 * Sizes and indices that a graph spells out as constants follow the channels that they count: the sizes of a Split, the
 * bounds of a Slice, the indices of a Gather, the target of a Reshape. Those that are computed from shapes follow by
 * themselves, which shows when the shapes of the smaller graph are inferred.
 */

/** What a graph's constants are adapted to: what was known of its values before the cut, and what goes. */
export interface Channels extends Pick<Trace, 'values' | 'ints'> {
  /** Constants as they were. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** True for the identity of a channel that goes. */
  goes(id: number): boolean;
}

/** A node, what its inputs are now, and what they are to be adapted to. */
interface Place {
  readonly node: Node;
  /** Its first input before the cut. */
  readonly data: Traced | undefined;
  readonly channels: Channels;
  /** The smaller graph up to here. */
  readonly b: GraphBuilder;
  readonly made: ReadonlyMap<string, Node>;
  /** Names of constants that something else has taken the place of. */
  readonly replaced: Set<string>;
}

/** The node as it must be now; constants that it takes are emitted before it. */
type Adaptation = (place: Place) => Node;

/**
 * A graph whose tensors have been cut, with all sizes that it spells out as they must be now; graphs inside included.
 * Split takes sizes as an input since operator set 13. Throws ShapeError when the pieces do not fit all the same.
 */
export function adaptShapeConstants(given: Graph, channels: Channels, where: FromOptions): Graph {
  const graph = withoutOldTypes(given, channels);
  const inputs = graph.inputs.map((info) => {
    return where.outer ? { ...info, type: insideType(info.name, info.type, channels) } : info;
  });
  const b = startRewrite({ ...graph, inputs }, where);
  const made = producers(graph.nodes);
  const replaced = new Set<string>();
  for (const each of graph.nodes) {
    const node = mapBodies(each, (body) => adaptShapeConstants(body, channels, { outer: b }));
    const data = channels.values.get(node.inputs[0] ?? '');
    b.addNode(ruleFor(adaptations, node)?.({ node, data, channels, b, made, replaced }) ?? node);
  }
  return dropUnused({ ...finishRewrite(b, graph), inputs: graph.inputs }, replaced);
}

/** Types that the file gives of values in between are dropped where they are wrong now. */
function withoutOldTypes(graph: Graph, channels: Channels): Graph {
  const { valueInfo, valueExtras, otherValueInfo: _, ...rest } = graph;
  if (valueInfo === undefined) return rest;
  const stays = ([name]: readonly [string, unknown]) => {
    const value = channels.values.get(name);
    return value === undefined || !idsOf(value).some((ids) => ids.some(channels.goes));
  };
  return {
    ...rest,
    valueInfo: new Map([...valueInfo].filter(stays)),
    ...(valueExtras && { valueExtras: new Map([...valueExtras].filter(stays)) }),
  };
}

/** The type of a loop's state or step: exporters often leave the shape out, the trace knows it. */
function insideType(name: string, declared: TensorType, channels: Channels): TensorType {
  const value = channels.values.get(name);
  const shape = value && shapeOf(value)?.map((size, axis) => sizeNow(value, axis, channels) ?? size);
  return { elementType: declared.elementType, shape: shape ?? declared.shape };
}

const split: Adaptation = (place) => {
  const { node, data, channels } = place;
  const axis = data && normalizeAxis(intAttribute(node, 'axis', 0), shapeOf(data)?.length ?? 0);
  const ids = data && axis !== undefined ? idsAlong(data, axis) : undefined;
  if (axis === undefined || !ids?.some(channels.goes)) return node;
  const sizes = node.outputs.map((name) => {
    const part = channels.values.get(name);
    return countKept((part && idsAlong(part, axis)) ?? new Int32Array(0), channels);
  });
  if (intsAttribute(node, 'split')) return withInts(node, 'split', sizes);
  if (node.inputs[1]) return withInput(place, 1, sizes);
  if (sizes.every((s) => s === sizes[0])) return node;
  if (place.b.opset < 13) return withInts(node, 'split', sizes);
  const { num_outputs: _, ...attributes } = node.attributes;
  return withInput({ ...place, node: { ...node, attributes } }, 1, sizes);
};

const slice: Adaptation = (place) => {
  const { node, data, channels } = place;
  const attributes = intsAttribute(node, 'starts') !== undefined;
  const given = (name: string, input: number) =>
    attributes ? intsAttribute(node, name) : before(place, node.inputs[input]);
  const [starts, ends] = [given('starts', 1), given('ends', 2)];
  if (data === undefined || starts === undefined || ends === undefined) return node;
  const axes = given('axes', 3) ?? starts.map((_, i) => i);
  const move = (positions: readonly Dim[]) =>
    positions.map((position, i): number | undefined => {
      const ids = along(data, axes[i]);
      if (!ids?.some(channels.goes) || typeof position !== 'number' || position >= ids.length) return undefined;
      return countKept(ids.subarray(0, sliceBound(position, ids.length)), channels);
    });
  const [first, last] = [move(starts), move(ends)];
  if (!attributes) return withInput({ ...place, node: withInput(place, 1, first) }, 2, last);
  const put = (old: readonly Dim[], now: Wanted) => old.map((d, i) => now[i] ?? (d as number));
  return withInts(withInts(node, 'starts', put(starts, first)), 'ends', put(ends, last));
};

const gather: Adaptation = (place) => {
  const { node, data, channels } = place;
  const ids = data && along(data, intAttribute(node, 'axis', 0));
  const indices = before(place, node.inputs[1]);
  if (!isStatic(indices) || !ids?.some(channels.goes)) return node;
  const picked = indices.map((i) => normalizeAxis(i, ids.length)!).filter((i) => !channels.goes(ids[i]!));
  const moved = picked.map((i) => countKept(ids.subarray(0, i), channels));
  const value = place.b.value(node.inputs[1]!);
  return replaceInput(place, 1, integersLike(value, moved));
};

/** Entries of a wanted shape (Reshape, Expand, ConstantOfShape, Resize) that say how many channels there are. */
const target =
  (input: number): Adaptation =>
  (place) => {
    const { node, channels } = place;
    const sizes = before(place, node.inputs[input]);
    const result = channels.values.get(node.outputs[0]!);
    const rank = result && shapeOf(result)?.length;
    if (sizes === undefined || result === undefined || rank === undefined) return node;
    const wanted = sizes.map((size, i): number | undefined => {
      const ids = idsAlong(result, i + rank - sizes.length);
      return ids?.length === size && ids.some(channels.goes) ? countKept(ids, channels) : undefined;
    });
    return withInput(place, input, wanted);
  };

/** A shape that is an attribute. */
const shapeAttribute: Adaptation = ({ node, channels }) => {
  const value = channels.values.get(node.outputs[0]!);
  const shape = intsAttribute(node, 'shape');
  if (value === undefined || shape === undefined) return node;
  return withInts(
    node,
    'shape',
    shape.map((size, axis) => sizeNow(value, axis, channels) ?? size),
  );
};

/** A convolution of each channel for itself has as many groups as channels. */
const groups: Adaptation = ({ node, data, channels }) => {
  const ids = data && idsAlong(data, 1);
  if (ids?.length !== intAttribute(node, 'group', 1) || !ids.some(channels.goes)) return node;
  return { ...node, attributes: { ...node.attributes, group: { type: 'int', value: countKept(ids, channels) } } };
};

/** A condition on sizes that was known stays what it was. */
const condition: Adaptation = (place) => {
  const value = place.b.value(place.node.inputs[0]!);
  const [known] = place.channels.ints.get(value.name) ?? [];
  if (typeof known !== 'number' || elementsOf(value)?.[0] === known) return place.node;
  const dims = place.channels.tensors.get(value.name)?.dims ?? [];
  return replaceInput(place, 0, { elementType: 'bool', dims, data: Uint8Array.of(known) });
};

const adaptations: Rules<Adaptation> = {
  Split: split,
  Slice: slice,
  Gather: gather,
  Reshape: target(1),
  Expand: target(1),
  ConstantOfShape: target(0),
  Resize: target(3),
  RandomNormal: shapeAttribute,
  RandomUniform: shapeAttribute,
  Conv: groups,
  ConvTranspose: groups,
  If: condition,
};

/** How many of these channels stay. */
function countKept(ids: Int32Array, channels: Pick<Channels, 'goes'>): number {
  return ids.reduce((n, id) => n + (channels.goes(id) ? 0 : 1), 0);
}

/** The new size of an axis that loses channels; undefined for others. */
export function sizeNow(value: Traced, axis: number, channels: Channels): number | undefined {
  const ids = idsAlong(value, axis);
  return ids?.some(channels.goes) ? countKept(ids, channels) : undefined;
}

function along(data: Traced, axis: Dim | undefined): Int32Array | undefined {
  const rank = shapeOf(data)?.length ?? 0;
  return idsAlong(data, (typeof axis === 'number' ? normalizeAxis(axis, rank) : undefined) ?? -1);
}

/** The integers of an input before the cut. */
function before({ channels }: Place, name: string | undefined): readonly Dim[] | undefined {
  return name ? (integers(channels.tensors.get(name)) ?? channels.ints.get(name)) : undefined;
}

function withInts(node: Node, name: string, value: readonly number[]): Node {
  return { ...node, attributes: { ...node.attributes, [name]: { type: 'ints', value } } };
}

/** The node with some integers of an input changed; where the input was left out, with a constant of them all. */
function withInput(place: Place, input: number, wanted: Wanted): Node {
  const { node, b, made, replaced } = place;
  const name = node.inputs[input];
  if (!name) return replaceInput(place, input, int64s([wanted.length], wanted as number[]));
  const now = adaptedIntegers(b.value(name), wanted, made);
  if (now.name === name) return node;
  replaced.add(name);
  return { ...node, inputs: node.inputs.map((old, i) => (i === input ? now.name : old)) };
}

/** The node with a constant at an input; other nodes may go on with the old value. */
function replaceInput({ node, b, replaced }: Place, input: number, value: Tensor): Node {
  const inputs = [...node.inputs];
  while (inputs.length < input) inputs.push('');
  if (inputs[input]) replaced.add(inputs[input]);
  inputs[input] = b.constant(value).name;
  return { ...node, inputs };
}
