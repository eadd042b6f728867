import { intAttribute, integers } from '../graph/attributes.ts';
import type { FromOptions, GraphBuilder, Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis } from '../graph/dims.ts';
import { concat, slice } from '../graph/ops.ts';
import { rewriteNodes } from '../graph/rewrite.ts';
import type { Dim, Graph, Node, Tensor } from '../graph/types.ts';

/**
 * Writes that name every element's place by a stored index (`cache[:, :, :2] = x`, as exporters spell it) as what they
 * do: a piece of one axis between what stays of it. Units are followed through that, and no index has to lose theirs.
 */
export function scatterAsConcat(graph: Graph, options: FromOptions = {}): Graph {
  if (!graph.nodes.some(isScatter)) return graph;
  return rewriteNodes(graph, (b, node) => isScatter(node) && rewrite(b, node), options);
}

function isScatter({ op, domain, attributes }: Node): boolean {
  const { reduction } = attributes;
  const adds = reduction !== undefined && reduction.value !== 'none';
  return domain === '' && !adds && (op === 'ScatterND' || op === 'ScatterElements' || op === 'Scatter');
}

function rewrite(b: GraphBuilder, node: Node): boolean {
  const [data, indices, updates] = node.inputs.map((name) => b.value(name));
  const shape = data?.type.shape;
  const stored = indices && b.tensorOf(indices);
  if (shape === undefined || stored === undefined || updates === undefined) return false;
  const box = node.op === 'ScatterND' ? boxOfPlaces(stored) : boxOfElements(node, stored, shape);
  if (box === undefined) return false;
  // Whole along all axes but one.
  const partial = box.starts.flatMap((start, axis) => (start === 0 && box.sizes[axis] === shape[axis] ? [] : [axis]));
  const axis = partial[0] ?? 0;
  const size = shape[axis];
  if (partial.length > 1 || typeof size !== 'number') return false;
  const [start, end] = [box.starts[axis]!, box.starts[axis]! + box.sizes[axis]!];
  if (start < 0 || end > size) return false;
  const piece = (from: number, to: number): Value[] => (from < to ? [slice(data!, [from], [to], [axis])] : []);
  const parts = [...piece(0, start), updates, ...piece(end, size)];
  b.node('Identity', [parts.length === 1 ? updates : concat(parts, axis)], {}, [node.outputs[0]!]);
  return true;
}

/** Where an update begins along each of the first axes, and how far it goes. */
interface Box {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
}

/** Indices [.., depth] that count up along each axis; of one axis, whose rows are followed as they are, none. */
function boxOfPlaces(indices: Tensor): Box | undefined {
  const sizes = indices.dims.slice(0, -1);
  const depth = indices.dims.at(-1);
  const places = integers(indices);
  if (depth === undefined || depth < 2 || depth !== sizes.length || !places || places.length === 0) return undefined;
  const starts = places.slice(0, depth);
  const fits = places.every(
    (place, i) => place === starts[i % depth]! + indexAlong(sizes, Math.floor(i / depth), i % depth),
  );
  return fits ? { starts, sizes } : undefined;
}

/** Indices in the shape of the updates that count up along `axis` and are the same along all others. */
function boxOfElements(node: Node, indices: Tensor, shape: readonly Dim[]): Box | undefined {
  const sizes = indices.dims;
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), sizes.length);
  const places = integers(indices);
  if (axis === undefined || !places || places.length === 0 || !isStatic(shape)) return undefined;
  const start = places[0]! < 0 ? places[0]! + shape[axis]! : places[0]!;
  const wrapped = (place: number) => (place < 0 ? place + shape[axis]! : place);
  const fits = places.every((place, i) => wrapped(place) === start + indexAlong(sizes, i, axis));
  return fits ? { starts: sizes.map((_, i) => (i === axis ? start : 0)), sizes } : undefined;
}

/** The index along an axis of an element of a row-major array. */
function indexAlong(sizes: readonly number[], element: number, axis: number): number {
  const inner = sizes.slice(axis + 1).reduce((product, size) => product * size, 1);
  return Math.floor(element / inner) % sizes[axis]!;
}
