import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import { operatorsWith, type Rules, ruleForEach } from '../../graph/rules.ts';
import {
  type Channels,
  entangle,
  fixed,
  forChannels,
  inShapes,
  obstruct,
  operand,
  outputShape,
  type TraceContext,
  type TraceRule,
} from './context.ts';
import { combine } from './elementwise.ts';
import { FIXED } from './identities.ts';
import { alongAxis, asFlow, type Flow, fix, flow, idsAlong, range, type Traced, uniform } from './traced.ts';

/*
 * Operators along an axis: normalizations, sums, orders. When the units lie along it, every unit has a part in the
 * result: none can leave without loss. A cut may still remove some, with their scales.
 */

/** Softmax and its like. Before operator set 13 they ran over all axes from `axis` on. */
const softmax = forChannels((c, x, rank) => {
  if (rank === 0) return inShapes(c, x);
  const old = c.opset < 13;
  const axis = normalizeAxis(intAttribute(c.node, 'axis', old ? 1 : -1), rank) ?? 0;
  if (x.axis === axis || (old && x.axis > axis)) entangle(c, x.ids);
  return x;
});

/** Over the axes from `axis` on, with a scale and perhaps a bias for each place in them. */
const layer: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  const rank = x.shape?.length;
  const parameters = c.inputs.slice(1).filter((p) => p !== undefined);
  if (x.axis === undefined || rank === undefined) {
    for (const p of parameters) fix(p, c.identities);
    return inShapes(c, x);
  }
  const axis = normalizeAxis(intAttribute(c.node, 'axis', -1), rank) ?? 0;
  const over = x.axis >= axis;
  if (over) entangle(c, x.ids);
  const scaled = combine(c, [x, ...parameters], outputShape(c)) ?? obstruct(c, 'its scale lies along another axis');
  return over ? scaled : [scaled, ...inShapes(c, x).slice(1)];
};

/** Over given axes, without parameters. */
const overAxes = (axesOf: (c: TraceContext) => readonly number[]) =>
  forChannels((c, x, rank) => {
    if (rank === 0) return inShapes(c, x);
    if (axesOf(c).some((a) => normalizeAxis(a, rank) === x.axis)) entangle(c, x.ids);
    return x;
  });

/** x [N, C, …] with a scale, a bias and the like [C] for each channel: units along C have each its own. */
const perChannel: TraceRule = (c) => {
  const x = alongAxis(operand(c, 0), 1, c.identities);
  const channels = tieChannels(c, x, c.inputs.slice(1));
  if (x.axis !== undefined && x.axis > 1 && c.node.op === 'InstanceNormalization') entangle(c, x.ids);
  return c.node.outputs.map((_, i) => {
    if (i === 0) return { ...channels, shape: outputShape(c) ?? x.shape };
    return channels.axis === 1 ? flow([channels.ids.length], 0, channels.ids) : uniform(outputShape(c, i), FIXED);
  });
};

/** Unites the channels of x with those of the vectors beside it; they stay where x has none along axis 1. */
export function tieChannels(c: TraceContext, x: Flow, vectors: readonly (Traced | undefined)[]): Flow {
  let ids = x.axis === 1 ? x.ids : undefined;
  for (const p of vectors) {
    if (p === undefined) continue;
    const own = ids && idsAlong(p, 0);
    if (ids === undefined || own?.length !== ids.length) {
      fix(p, c.identities);
      if (ids) c.identities.fix(ids);
    } else ids = c.identities.unite(ids, alongAxis(p, 0, c.identities).ids);
  }
  return ids ? { ...x, ids } : x;
}

/** Groups of channels together; one group is all of them, and more must keep equal sizes. */
const group: TraceRule = (c) => {
  const x = asFlow(operand(c, 0), c.identities);
  const parameters = c.inputs.slice(1);
  if (x.axis === undefined) {
    for (const p of parameters) if (p) fix(p, c.identities);
    return inShapes(c, x);
  }
  if (x.axis !== 1) {
    entangle(c, x.ids);
    return x;
  }
  if (intAttribute(c.node, 'num_groups', 1) !== 1) return obstruct(c, 'its groups of units must keep equal sizes');
  entangle(c, x.ids);
  // Before operator set 21 the parameters are one for each group.
  const scales = parameters.every((p) => p !== undefined && idsAlong(p, 0)?.length === x.ids.length);
  return scales ? tieChannels(c, x, parameters) : x;
};

/** The scale follows from the largest element of all. */
const dynamicQuantization = forChannels((c, x) => {
  entangle(c, x.ids);
  return x;
}, fixed);

/** Sums, means and the like. */
const reduce = forChannels((c, x, rank) => {
  const given = intsAttribute(c.node, 'axes') ?? c.ints(1);
  if (outputShape(c) === undefined || (given === undefined && c.inputs[1]))
    return obstruct(c, 'its axes are not known');
  const none = given === undefined || given.length === 0;
  if (none && intAttribute(c.node, 'noop_with_empty_axes', 0)) return x;
  const axes = none ? range(0, rank) : given.map((a) => normalizeAxis(a, rank)!);
  if (!axes.includes(x.axis)) return without(c, x, axes);
  entangle(c, x.ids);
  return fixed(c);
});

/** The place of the largest element: among units it means nothing any more when one of them has left. */
const argReduce = forChannels((c, x, rank) => {
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rank)!;
  if (axis !== x.axis) return without(c, x, [axis]);
  c.identities.fix(x.ids);
  return fixed(c);
});

/** Channels after other axes have been reduced. */
function without(c: TraceContext, x: Channels, axes: readonly number[]): Flow {
  const before = axes.filter((a) => a < x.axis).length;
  return { ...x, shape: outputShape(c), axis: intAttribute(c.node, 'keepdims', 1) ? x.axis : x.axis - before };
}

/** The largest elements and their places; among units both lose their meaning. */
const topK = forChannels((c, x, rank) => {
  if (normalizeAxis(intAttribute(c.node, 'axis', -1), rank) !== x.axis) return inShapes(c, x);
  c.identities.fix(x.ids);
  return fixed(c);
}, fixed);

/** Each element depends on others along some axes, and their order counts. */
const ordered = (axesOf: (c: TraceContext, rank: number) => readonly number[] | undefined, what: string) =>
  forChannels((c, x, rank) => {
    const axes = rank === 0 ? undefined : axesOf(c, rank);
    if (axes === undefined) return obstruct(c, 'its axes are not known');
    return axes.includes(x.axis) ? obstruct(c, what) : x;
  });

/** Rules of the operators that work along an axis. */
export const alongTraces = {
  ...ruleForEach(operatorsWith({ reduces: 'value' }), reduce),
  ...ruleForEach(operatorsWith({ reduces: 'place' }), argReduce),
  TopK: topK,
  CumSum: ordered((c, rank) => c.ints(1)?.map((a) => normalizeAxis(a, rank) ?? -1), 'it adds unit after unit'),
  ReverseSequence: ordered(
    (c) => [intAttribute(c.node, 'batch_axis', 1), intAttribute(c.node, 'time_axis', 0)],
    'it turns the order of the units',
  ),
  Trilu: ordered((_, rank) => [rank - 2, rank - 1], 'it keeps a triangle of units'),
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  LayerNormalization: layer,
  RMSNormalization: layer,
  LpNormalization: overAxes((c) => [intAttribute(c.node, 'axis', -1)]),
  MeanVarianceNormalization: overAxes((c) => intsAttribute(c.node, 'axes') ?? [0, 2, 3]),
  LRN: overAxes(() => [1]),
  BatchNormalization: perChannel,
  InstanceNormalization: perChannel,
  GroupNormalization: group,
  DynamicQuantizeLinear: dynamicQuantization,
} satisfies Rules<TraceRule>;
