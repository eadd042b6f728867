import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { isStatic, normalizeAxis } from '../../graph/dims.ts';
import { obstruct, operand, outputShape, type TraceRule } from './context.ts';
import { FIXED, type Identities } from './identities.ts';
import { reshapeFlow, reshapeWeight } from './reshape.ts';
import {
  asFlow,
  flow,
  idsAlong,
  isNone,
  range,
  select,
  shapeOf,
  type Traced,
  uniform,
  type Weight,
  type WeightAxis,
  weight,
} from './traced.ts';

const transpose: TraceRule = (c) => {
  const x = operand(c, 0);
  const rank = shapeOf(x)?.length;
  if (rank === undefined) return obstruct(c, 'the rank of its input is not known');
  const perm = intsAttribute(c.node, 'perm') ?? range(0, rank).reverse();
  if (x.kind === 'weight') return [weight(perm.map((p) => x.axes[p]!))];
  return [{ ...x, shape: outputShape(c), axis: x.axis === undefined ? undefined : perm.indexOf(x.axis) }];
};

/** Any other order of sizes over the same elements. */
const reshape: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  if (x.kind === 'flow' && x.axis === undefined) return [{ ...x, shape }];
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
  if (x.kind === 'weight') {
    return isStatic(shape)
      ? [reshapeWeight(x, shape, c.identities)]
      : obstruct(c, 'the shape of its output is not known');
  }
  return [
    reshapeFlow(x, shape, c.identities) ?? obstruct(c, 'it mixes units with a dimension whose size is not known')[0]!,
  ];
};

/** Drops axes of size 1. */
const squeeze: TraceRule = (c) => {
  const x = operand(c, 0);
  const from = shapeOf(x);
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (from === undefined || (given === undefined && c.inputs[1])) return obstruct(c, 'its axes are not known');
  const dropped = given?.map((a) => normalizeAxis(a, from.length)!) ?? from.flatMap((d, i) => (d === 1 ? [i] : []));
  const kept = from.flatMap((_, i) => (dropped.includes(i) ? [] : [i]));
  if (x.kind === 'weight') return [weight(kept.map((i) => x.axes[i]!))];
  if (x.axis === undefined || !dropped.includes(x.axis)) {
    return [{ ...x, shape: outputShape(c), axis: x.axis === undefined ? undefined : kept.indexOf(x.axis) }];
  }
  c.identities.fix(x.ids);
  return [uniform(outputShape(c), FIXED)];
};

/** Adds axes of size 1. */
const unsqueeze: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (shape === undefined || given === undefined) return obstruct(c, 'its axes are not known');
  const added = given.map((a) => normalizeAxis(a, shape.length)!);
  const old = shape.flatMap((_, i) => (added.includes(i) ? [] : [i]));
  if (x.kind === 'flow') return [{ ...x, shape, axis: x.axis === undefined ? undefined : old[x.axis]! }];
  const axes = shape.map((): WeightAxis => ({ ids: Int32Array.of(FIXED), sources: [] }));
  old.forEach((at, i) => {
    axes[at] = x.axes[i]!;
  });
  return [weight(axes)];
};

const concat: TraceRule = (c) => {
  const pieces = c.inputs.map((_, i) => operand(c, i));
  const shape = outputShape(c);
  if (shape === undefined) return obstruct(c, 'the shape of its output is not known');
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length)!;
  const weights = pieces.filter((p) => p.kind === 'weight');
  if (weights.length === pieces.length) return [concatWeights(weights, axis, c.identities)];
  const flows = pieces.map((p) => asFlow(p, c.identities));
  const axes = new Set(flows.flatMap((f) => f.axis ?? []));
  if (axes.size === 0) return [flows.every(isNone) ? { ...flows[0]!, shape } : uniform(shape, FIXED)];
  if (axes.size > 1) return obstruct(c, 'its inputs carry units along different axes');
  const channels = [...axes][0]!;
  // A piece without channels counts with its one identity for all its indices.
  const spread = (f: (typeof flows)[number]) => {
    const size = f.axis === undefined ? f.shape?.[channels] : f.ids.length;
    if (typeof size !== 'number') return undefined;
    return f.axis === undefined ? new Int32Array(size).fill(f.ids[0]!) : f.ids;
  };
  const all = flows.map(spread);
  if (!all.every((ids) => ids !== undefined)) return obstruct(c, 'the size of one of its inputs is not known');
  // Along another axis the pieces lie side by side, and what they share must keep one length.
  if (channels !== axis)
    return [
      flow(
        shape,
        channels,
        all.reduce((a, b) => c.identities.unite(a, b)),
      ),
    ];
  return [flow(shape, axis, Int32Array.from(all.flatMap((ids) => [...ids])))];
};

function concatWeights(pieces: readonly Weight[], axis: number, identities: Identities): Weight {
  return weight(
    pieces[0]!.axes.map((_, i) => {
      const parts = pieces.map((p) => p.axes[i]!);
      const ids =
        i === axis
          ? Int32Array.from(parts.flatMap((a) => [...a.ids]))
          : parts.map((a) => a.ids).reduce((a, b) => identities.unite(a, b));
      return { ids, sources: parts.flatMap((a) => a.sources) };
    }),
  );
}

const split: TraceRule = (c) => {
  const x = operand(c, 0);
  const rank = shapeOf(x)?.length;
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

/** Slices of `start:end` are followed; those with another step keep the channels that they pick from. */
const slice: TraceRule = (c) => {
  const attributes = intsAttribute(c.node, 'starts') !== undefined;
  const given = (name: string, input: number) => (attributes ? intsAttribute(c.node, name) : c.ints(input));
  const starts = given('starts', 1);
  let x = operand(c, 0);
  const rank = shapeOf(x)?.length;
  const known = given('ends', 2) && (attributes || !c.inputs[3] || c.ints(3));
  if (rank === undefined || starts === undefined || known === undefined)
    return obstruct(c, 'what it picks is not known before the run');
  const axes = given('axes', 3) ?? starts.map((_, i) => i);
  const steps = given('steps', 4);
  for (const [i, given] of axes.entries()) {
    const axis = normalizeAxis(given, rank)!;
    const ids = idsAlong(x, axis);
    if (ids === undefined) continue;
    const length = outputShape(c)?.[axis];
    if (typeof length !== 'number' || (steps?.[i] ?? 1) !== 1) {
      if (typeof length !== 'number') return obstruct(c, 'what it picks is not known before the run');
      c.identities.fix(ids);
      x = select(x, axis, new Array<number>(length).fill(0), outputShape(c));
    } else x = select(x, axis, range(Math.min(ids.length, normalizeStart(starts[i]!, ids.length)), length), undefined);
  }
  return [x.kind === 'flow' ? { ...x, shape: outputShape(c) } : x];
};

/** A start counted from the end when negative, as an index. */
export function normalizeStart(start: number, size: number): number {
  return Math.min(size, Math.max(0, start < 0 ? start + size : start));
}

const expand: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  const shape = outputShape(c);
  if (x.axis === undefined) return [{ ...x, shape }];
  if (shape === undefined || x.shape === undefined) return obstruct(c, 'the shape of its output is not known');
  const axis = x.axis + shape.length - x.shape.length;
  if (shape[axis] === x.ids.length) return [flow(shape, axis, x.ids)];
  c.identities.fix(x.ids);
  return [uniform(shape, FIXED)];
};

/** Known indices pick; indices that come with the data look up a table, whose rows stay. */
const gather: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  const rank = shapeOf(x)?.length;
  if (isNone(x)) return [{ ...x, shape } as Traced];
  if (shape === undefined || rank === undefined) return obstruct(c, 'the shape of its output is not known');
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rank)!;
  const along = idsAlong(x, axis);
  const indices = c.ints(1);
  const indexRank = c.inputTypes[1]?.shape?.length ?? 0;
  if (along && indices && indexRank === 1) {
    return [
      select(
        x,
        axis,
        indices.map((i) => normalizeAxis(i, along.length)!),
        shape,
      ),
    ];
  }
  if (along) c.identities.fix(along);
  const moved = (a: number) => (a > axis ? a - 1 + indexRank : a);
  if (x.kind === 'flow') {
    if (x.axis === axis) return [uniform(shape, FIXED)];
    return [{ ...x, shape, axis: x.axis === undefined ? undefined : moved(x.axis) }];
  }
  const rest = x.axes.flatMap((a, i) => (i === axis || a.ids.length === 1 ? [] : [{ ...a, at: moved(i) }]));
  if (rest.length !== 1) {
    for (const a of rest) c.identities.fix(a.ids);
    return [uniform(shape, FIXED)];
  }
  c.identities.mark(rest[0]!.sources, 'produces');
  return [flow(shape, rest[0]!.at, rest[0]!.ids)];
};

export const movementTraces: Readonly<Record<string, TraceRule>> = {
  Transpose: transpose,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Expand: expand,
  Gather: gather,
};
