import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import { operatorsWith, type Rules, ruleForEach } from '../../graph/rules.ts';
import {
  allFixed,
  type Channels,
  entangle,
  fixed,
  forChannels,
  inShapes,
  obstruct,
  outputShape,
  type TraceContext,
  type TraceRule,
} from './context.ts';
import { type Flow, range } from './traced.ts';

/*
 * Operators along an axis. When the units lie along it, every unit has a part in the result: none can leave unseen.
 */

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
  return allFixed();
}, allFixed);

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
} satisfies Rules<TraceRule>;
