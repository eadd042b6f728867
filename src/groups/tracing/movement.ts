import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis, sliceBound } from '../../graph/dims.ts';
import type { Rules } from '../../graph/rules.ts';
import type { Dim } from '../../graph/types.ts';
import { fixed, inShapes, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { NONE } from './identities.ts';
import { reshapeAxes, reshapeFlow } from './reshape.ts';
import {
  alongAxis,
  type Flow,
  flow,
  idsAlong,
  isNone,
  type Open,
  plainAxis,
  range,
  select,
  shapeOf,
  type Traced,
  uniform,
  type ValueAxis,
  type Weight,
} from './traced.ts';

const transpose: TraceRule = (c) => {
  const x = operand(c, 0);
  const rank = shapeOf(x)?.length;
  if (rank === undefined) return obstruct(c, 'the rank of its input is not known');
  const perm = intsAttribute(c.node, 'perm') ?? range(0, rank).reverse();
  if (x.kind !== 'flow') return { kind: x.kind, axes: perm.map((p) => x.axes[p]!) };
  return { ...x, shape: outputShape(c), axis: x.axis === undefined ? undefined : perm.indexOf(x.axis) };
};

/** Any other order of sizes over the same elements. */
const reshape: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  if (x.kind === 'flow' && x.axis === undefined) return { ...x, shape };
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
  if (x.kind !== 'flow') return { kind: x.kind, axes: reshapeAxes(x.axes, shape, c.identities) };
  return reshapeFlow(x, shape, c.identities) ?? obstruct(c, 'it mixes units with a dimension whose size is not known');
};

/** Drops axes of size 1. */
const squeeze: TraceRule = (c) => {
  const x = operand(c, 0);
  const from = shapeOf(x);
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (from === undefined || (given === undefined && c.inputs[1])) return obstruct(c, 'its axes are not known');
  const dropped = given?.map((a) => normalizeAxis(a, from.length)!) ?? from.flatMap((d, i) => (d === 1 ? [i] : []));
  const kept = from.flatMap((_, i) => (dropped.includes(i) ? [] : [i]));
  if (x.kind !== 'flow') return { kind: x.kind, axes: kept.map((i) => x.axes[i]!) };
  if (x.axis === undefined || !dropped.includes(x.axis)) {
    return { ...x, shape: outputShape(c), axis: x.axis === undefined ? undefined : kept.indexOf(x.axis) };
  }
  c.identities.fix(x.ids);
  return fixed(c);
};

/** Adds axes of size 1. */
const unsqueeze: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (x.kind === 'flow' && x.axis === undefined) return { ...x, shape };
  if (shape === undefined || given === undefined) return obstruct(c, 'its axes are not known');
  const added = given.map((a) => normalizeAxis(a, shape.length)!);
  const old = shape.flatMap((_, i) => (added.includes(i) ? [] : [i]));
  if (x.kind === 'flow') return { ...x, shape, axis: old[x.axis!]! };
  const axes = shape.map(() => plainAxis(1));
  old.forEach((at, i) => {
    axes[at] = x.axes[i]!;
  });
  return { kind: x.kind, axes };
};

const concat: TraceRule = (c) => {
  const pieces = c.inputs.map((_, i) => operand(c, i));
  const shape = outputShape(c);
  if (pieces.every(isNone)) return uniform(shape, NONE);
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length)!;
  const size = shape[axis]!;
  if (typeof size === 'number' && size > LONGEST_AXIS) return obstruct(c, `an axis of ${size} is too long to follow`);
  const stored = pieces.filter((p) => p.kind !== 'flow');
  if (stored.length === pieces.length) return concatStored(c, stored, axis, shape);
  return concatFlows(c, pieces, axis, shape);
};

/** Longer axes are no channels. */
const LONGEST_AXIS = 1 << 22;

function concatFlows(c: TraceContext, pieces: readonly Traced[], axis: number, shape: readonly Dim[]): Traced {
  const axes = new Set(pieces.flatMap((p) => (p.kind === 'flow' && p.axis !== undefined ? [p.axis] : [])));
  if (axes.size > 1) return obstruct(c, 'its inputs carry units along different axes');
  const [channels = axis] = axes;
  const flows = pieces.map((p) => alongAxis(p, channels, c.identities));
  if (flows.every((f) => f.axis === undefined)) return fixed(c);
  // A piece without channels counts with its one identity for all its indices.
  const spread = (f: Flow) => {
    if (f.axis !== undefined) return f.ids;
    const size = f.shape?.[channels];
    return typeof size === 'number' && size <= LONGEST_AXIS ? new Int32Array(size).fill(f.ids[0]!) : undefined;
  };
  const all = flows.map(spread);
  if (!all.every((ids) => ids !== undefined)) return obstruct(c, 'the size of one of its inputs is not known');
  // Along another axis the pieces lie side by side, and what they share must keep one length.
  const ids = channels === axis ? joined(all) : all.reduce((a, b) => c.identities.unite(a, b));
  return flow(shape, channels, ids);
}

function concatStored(
  c: TraceContext,
  pieces: readonly (Weight | Open)[],
  axis: number,
  shape: readonly Dim[],
): Traced {
  const axes = shape.map((size, i): ValueAxis => {
    const parts = pieces.map((p) => p.axes[i]!);
    if (parts.some((a) => a.ids.length !== a.size)) {
      for (const a of parts) c.identities.fix(a.ids);
      return plainAxis(size);
    }
    const lists = parts.map((a) => a.ids);
    const ids = i === axis ? joined(lists) : lists.reduce((a, b) => c.identities.unite(a, b));
    return { size, ids, sources: parts.flatMap((a) => a.sources) };
  });
  return { kind: pieces.every((p) => p.kind === 'weight') ? 'weight' : 'open', axes };
}

function joined(lists: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(lists.reduce((n, ids) => n + ids.length, 0));
  let at = 0;
  for (const ids of lists) {
    all.set(ids, at);
    at += ids.length;
  }
  return all;
}

const split: TraceRule = (c) => {
  const x = operand(c, 0);
  const rank = shapeOf(x)?.length;
  if (x.kind === 'flow' && x.axis === undefined) return inShapes(c, x);
  if (rank === undefined) return obstruct(c, 'the rank of its input is not known');
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rank)!;
  const sizes = c.node.outputs.map((_, i) => outputShape(c, i)?.[axis]);
  if (idsAlong(x, axis) === undefined) return sizes.map((_, i) => select(x, axis, [], outputShape(c, i)));
  if (!sizes.every((s) => typeof s === 'number')) return obstruct(c, 'the sizes of its parts are not known');
  let start = 0;
  return sizes.map((size, i) => {
    start += size;
    return select(x, axis, range(start - size, size), outputShape(c, i));
  });
};

/** Slices of `start:end` are followed; units that are picked by steps are not. */
const slice: TraceRule = (c) => {
  const attributes = intsAttribute(c.node, 'starts') !== undefined;
  const given = (name: string, input: number) => (attributes ? intsAttribute(c.node, name) : c.ints(input));
  const starts = given('starts', 1);
  let x = operand(c, 0);
  const rank = shapeOf(x)?.length;
  if (x.kind === 'flow' && x.axis === undefined) return inShapes(c, x);
  const known = given('ends', 2) && (attributes || [3, 4].every((i) => !c.inputs[i] || c.ints(i)));
  if (rank === undefined || starts === undefined || !known) {
    return obstruct(c, 'what it picks is not known before the run');
  }
  const axes = given('axes', 3) ?? starts.map((_, i) => i);
  const steps = given('steps', 4);
  for (const [i, given] of axes.entries()) {
    const axis = normalizeAxis(given, rank)!;
    const ids = idsAlong(x, axis);
    const length = outputShape(c)?.[axis];
    if (ids === undefined) {
      if (x.kind !== 'flow') x = select(x, axis, [], outputShape(c));
      continue;
    }
    if (typeof length !== 'number') return obstruct(c, 'what it picks is not known before the run');
    if ((steps?.[i] ?? 1) !== 1) return obstruct(c, 'it picks units by steps');
    const start = sliceBound(starts[i]!, ids.length);
    x = select(x, axis, range(start, Math.min(length, ids.length - start)), undefined);
  }
  return x.kind === 'flow' ? { ...x, shape: outputShape(c) } : x;
};

/** Rules of operators that move elements without changing them. */
export const movementTraces = {
  Transpose: transpose,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
} satisfies Rules<TraceRule>;
