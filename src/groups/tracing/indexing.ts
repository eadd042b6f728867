import { intAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import type { Rules } from '../../graph/rules.ts';
import { fixed, forChannels, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { combine } from './elementwise.ts';
import { NONE } from './identities.ts';
import {
  asFlow,
  fix,
  flow,
  idsAlong,
  isNone,
  type Open,
  open,
  plainAxis,
  select,
  shapeOf,
  type Traced,
  uniform,
  type ValueAxis,
  type Weight,
} from './traced.ts';

/** Known indices pick; indices that come with the data look up a table, whose rows stay. */
const gather: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  const rank = shapeOf(x)?.length;
  if (isNone(x)) return uniform(shape, NONE);
  if (x.kind === 'flow' && x.axis === undefined) return fixed(c);
  if (shape === undefined || rank === undefined) return obstruct(c, 'the shape of its output is not known');
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rank)!;
  const along = idsAlong(x, axis);
  const places = along && c.ints(1)?.map((i) => normalizeAxis(i, along.length));
  const indices = places?.every((i) => i !== undefined) ? places : undefined;
  const indexRank = c.inputTypes[1]?.shape?.length ?? 0;
  if (indices && indexRank === 1) return select(x, axis, indices, shape);
  // One unit that is picked stays; the others may leave, and its index follows.
  if (along) c.identities.fix(indices?.length === 1 ? along.subarray(indices[0]!, indices[0]! + 1) : along);
  const moved = (a: number) => (a > axis ? a - 1 + indexRank : a);
  if (x.kind === 'flow') return x.axis === axis ? fixed(c) : { ...x, shape, axis: moved(x.axis!) };
  return gatherStored(c, x, axis, moved, indexRank === 0 && c.ints(1) !== undefined);
};

/** Rows of a table: a smaller weight when the row is known, channels when it comes with the data. */
function gatherStored(
  c: TraceContext,
  x: Weight | Open,
  axis: number,
  moved: (axis: number) => number,
  known: boolean,
): Traced {
  const shape = outputShape(c)!;
  if (known) return { kind: x.kind, axes: x.axes.filter((_, i) => i !== axis) };
  const rest = x.axes.flatMap((a, i) => (i === axis || a.ids.length <= 1 ? [] : [{ ...a, at: moved(i) }]));
  if (x.kind === 'open') {
    const axes: ValueAxis[] = shape.map(plainAxis);
    for (const { at, ...a } of rest) axes[at] = a;
    return open(axes);
  }
  if (rest.length !== 1) {
    for (const a of rest) c.identities.fix(a.ids);
    return fixed(c);
  }
  c.identities.mark(rest[0]!.sources, 'produces');
  return flow(shape, rest[0]!.at, rest[0]!.ids);
}

/** Elements at given places along one axis, with the indices in the shape of the result. */
const gatherElements: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), x.shape?.length ?? 0);
  if (x.axis === undefined) {
    fix(operand(c, 1), c.identities);
    return fixed(c);
  }
  if (axis === x.axis) return obstruct(c, 'it picks units at places that come with the data');
  return combine(c, [x, operand(c, 1)], outputShape(c)) ?? obstruct(c, 'its indices lie along another axis');
};

/** Elements at given places of the first axes behind the batch axes. */
const gatherND = forChannels((c, x) => {
  const shape = outputShape(c);
  const indices = c.inputTypes[1]?.shape;
  const depth = indices?.[indices.length - 1];
  if (shape === undefined || typeof depth !== 'number') return obstruct(c, 'the shape of its output is not known');
  const picked = intAttribute(c.node, 'batch_dims', 0) + depth;
  if (x.axis < picked) return obstruct(c, 'it picks units at places that come with the data');
  return flow(shape, x.axis - picked + indices!.length - 1, x.ids);
}, fixed);

/** Updates written over data along one axis: the channels of both meet. */
const scatterElements: TraceRule = (c) => {
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), c.inputTypes[0]?.shape?.length ?? 0);
  return scattered(c, (channels) => channels !== axis, [operand(c, 0), operand(c, 1), operand(c, 2)]);
};

/** Updates written over slices of data. */
const scatterND: TraceRule = (c) => {
  const indices = c.inputTypes[1]?.shape;
  const depth = indices?.[indices.length - 1];
  return scattered(c, (channels) => typeof depth === 'number' && channels >= depth, [operand(c, 0), operand(c, 2)]);
};

function scattered(c: TraceContext, isWhole: (axis: number) => boolean, meeting: readonly Traced[]): Traced {
  const made = combine(c, meeting, outputShape(c));
  if (made === undefined) return obstruct(c, 'its operands carry units along different axes');
  if (made.axis !== undefined && !isWhole(made.axis)) return obstruct(c, 'it writes over single units');
  return made;
}

/** Slices whose condition holds; not those of units. */
const compress = forChannels((c, x, rank) => {
  const shape = outputShape(c);
  const axis = c.node.attributes.axis;
  const at = axis?.type === 'int' ? normalizeAxis(axis.value, rank) : undefined;
  if (at === undefined || at === x.axis || shape === undefined) return obstruct(c, 'it picks units by their values');
  return { ...x, shape };
}, fixed);

/** What depends on places and values: units that come in stay. */
const positional: TraceRule = (c) => {
  for (const x of c.inputs) if (x) fix(x, c.identities);
  return fixed(c);
};

/** Rules of operators that pick and place elements. */
export const indexingTraces = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Compress: compress,
  NonZero: positional,
  Unique: positional,
  OneHot: positional,
  EyeLike: positional,
} satisfies Rules<TraceRule>;
