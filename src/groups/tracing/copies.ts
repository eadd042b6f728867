import { multiplyDims } from '../../graph/dims.ts';
import { paddingOf } from '../../graph/infer/movement.ts';
import type { Rules } from '../../graph/rules.ts';
import type { Dim } from '../../graph/types.ts';
import { fixed, forChannels, obstruct, operand, outputShape, type TraceContext, type TraceRule } from './context.ts';
import { ownAxis } from './elementwise.ts';
import { FIXED, NONE } from './identities.ts';
import { flow, isNone, open, plainAxis, shapeOf, type Traced, uniform } from './traced.ts';

/*
 * Operators that make values larger. Along an axis whose elements are copies of one, nobody minds how many there are:
 * such an axis takes the channels of what it meets.
 */

/** Size 1 repeated to a given size, new axes in front. */
const expand: TraceRule = (c) => {
  const shape = outputShape(c);
  const x = operand(c, 0);
  if (shape !== undefined) return copied(c, x, shape) ?? obstruct(c, 'it repeats units');
  return isNone(x) ? uniform(shape, NONE) : obstruct(c, 'the shape of its output is not known');
};

/** Each axis repeated some times. */
const tile: TraceRule = (c) => {
  const x = operand(c, 0);
  const shape = outputShape(c);
  const from = shapeOf(x);
  if (isNone(x)) return uniform(shape, NONE);
  if (shape === undefined || from === undefined) return obstruct(c, 'the shape of its output is not known');
  // Axes that are longer than 1 must stay as they are, for every index to be its own channel.
  const repeated = from.some((d, i) => d !== 1 && shape[i] !== d && (x.kind !== 'flow' || x.axis === i));
  return (repeated ? undefined : copied(c, x, shape)) ?? obstruct(c, 'it repeats units, or does so at run time');
};

/** A value of which some axes of size 1 are copied to the size of `shape`; undefined where channels are. */
function copied(c: TraceContext, x: Traced, shape: readonly Dim[]): Traced | undefined {
  const before = shapeOf(x);
  const added = shape.length - (before?.length ?? 0);
  if (before === undefined) return x.kind === 'flow' && x.axis === undefined ? { ...x, shape } : undefined;
  const isCopy = (axis: number) => shape[axis] !== 1 && (before[axis - added] ?? 1) === 1;
  if (x.kind !== 'flow' || isNone(x)) {
    const axes = shape.map((size, i) => {
      if (isCopy(i)) return ownAxis(c, i, size);
      const own = x.kind === 'flow' ? undefined : x.axes[i - added];
      return own ?? plainAxis(size);
    });
    return x.kind === 'weight' && !shape.some((_, i) => isCopy(i)) ? { kind: 'weight', axes } : open(axes);
  }
  if (x.axis !== undefined) {
    const axis = x.axis + added;
    return shape[axis] === x.ids.length ? flow(shape, axis, x.ids) : undefined;
  }
  const axis = shape.findLastIndex((size, i) => isCopy(i) && typeof size === 'number');
  const { size, ids } = axis < 0 ? plainAxis(1) : ownAxis(c, axis, shape[axis]!);
  return ids.length > 1 && ids.length === size ? flow(shape, axis, ids) : uniform(shape, FIXED);
}

/** Elements added before and after: not among units, whose number says where the new ones go. */
const pad = forChannels((c, x, rank) => {
  const shape = outputShape(c);
  const padding = paddingOf(c.node, rank, (i) => c.ints(i));
  if (shape === undefined || padding === undefined) return obstruct(c, 'what it adds is not known before the run');
  if (padding[x.axis]!.some((amount) => amount !== 0)) return obstruct(c, 'it adds elements to the units');
  return { ...x, shape };
}, fixed);

/** More or fewer samples along some axes; those of the units must stay as they are. */
const resample = forChannels((c, x) => {
  const shape = outputShape(c);
  if (shape?.[x.axis] !== x.ids.length) return obstruct(c, 'it resamples the units, or does so at run time');
  return { ...x, shape };
}, fixed);

/** [N, C, H, W] with blocks of channels moved to where they are pixels, or back. */
const blocks = forChannels((c, x) => {
  return x.axis === 0 ? { ...x, shape: outputShape(c) } : obstruct(c, 'it makes pixels of units');
}, fixed);

/** Numbers of a sequence: each stands for its place. */
const range: TraceRule = (c) => uniform(outputShape(c), multiplyDims(outputShape(c) ?? []) === 1 ? NONE : FIXED);

/** Rules of operators that repeat and add elements. */
export const copyTraces = {
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Resize: resample,
  Upsample: resample,
  DepthToSpace: blocks,
  SpaceToDepth: blocks,
  Range: range,
} satisfies Rules<TraceRule>;
