import { intAttribute, intsAttribute } from '../attributes.ts';
import { addDims, divideDims, formatShape, multiplyDims, normalizeAxis } from '../dims.ts';
import type { Rules } from '../rules.ts';
import type { Dim, Node } from '../types.ts';
import {
  axisOf,
  broadcastOf,
  canEqual,
  fail,
  type InferContext,
  type InferRule,
  inputShape,
  inputType,
  numbers,
  shaped,
  shapeFrom,
  tensor,
} from './context.ts';

/** Axes from input `input` (opset 13 on) or from the attribute of older sets; undefined when absent or not constant. */
export function axesOf(c: InferContext, input: number): readonly number[] | undefined {
  return intsAttribute(c.node, 'axes') ?? numbers(c.ints(input));
}

/** Size along one axis of `start:end:step`; as in numpy, but a start before the first element is always the first. */
export function sliceLength(size: number, start: number, end: number, step: number): number {
  const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
  if (step > 0) return Math.max(0, Math.ceil((clamp(end, 0, size) - clamp(start, 0, size)) / step));
  // Counting down, -1 is "before the first element", which a negative end must reach.
  const from = clamp(start, 0, size - 1);
  const to = end < -size ? -1 : clamp(end, -1, size - 1);
  return Math.max(0, Math.ceil((to - from) / step));
}

const split: InferRule = (c) => {
  const { elementType, shape } = inputType(c, 0);
  const count = c.node.outputs.length;
  if (shape === undefined) return Array.from({ length: count }, () => tensor(elementType, undefined));
  const axis = axisOf(c, intAttribute(c.node, 'axis', 0), shape.length);
  const size = shape[axis]!;
  let sizes: readonly Dim[] | undefined = intsAttribute(c.node, 'split') ?? c.ints(1);
  if (sizes === undefined) {
    if (c.inputs[1]) sizes = Array.from({ length: count }, () => c.freshDim());
    else if (typeof size === 'number') {
      const part = Math.ceil(size / count);
      sizes = Array.from({ length: count }, (_, i) => Math.min(part, size - i * part));
    } else sizes = Array.from({ length: count }, () => divideDims(size, count) ?? c.freshDim());
  }
  const total = numbers(sizes)?.reduce((a, b) => a + b, 0);
  if (total !== undefined) c.meet(size, total);
  if (sizes.length !== count || (typeof size === 'number' && total !== undefined && total !== size)) {
    fail(c, `sizes [${sizes}] do not divide axis ${axis} of size ${size} into ${count}`);
  }
  return sizes.map((s) => tensor(elementType, shape.with(axis, s)));
};

/** An end that no axis reaches: the largest 32-bit integer, or more. */
const WHOLE = 2 ** 31 - 1;

const slice = shaped((c, shape) => {
  const attributes = intsAttribute(c.node, 'starts');
  const starts = attributes ?? c.ints(1);
  const ends = intsAttribute(c.node, 'ends') ?? c.ints(2);
  const axes = attributes ? intsAttribute(c.node, 'axes') : numbers(c.ints(3));
  const steps = attributes ? undefined : numbers(c.ints(4));
  const computed = !attributes && ((c.inputs[3] && axes === undefined) || (c.inputs[4] && steps === undefined));
  if (starts === undefined || ends === undefined || computed) return shape.map(() => c.freshDim());
  const out = [...shape];
  starts.forEach((start, i) => {
    const axis = axisOf(c, axes?.[i] ?? i, shape.length);
    const size = shape[axis]!;
    const end = ends[i] ?? fail(c, `there are ${starts.length} starts and ${ends.length} ends`);
    const step = steps?.[i] ?? 1;
    if (step === 0) fail(c, 'a step is 0');
    if (typeof size === 'number' && typeof start === 'number' && typeof end === 'number') {
      out[axis] = sliceLength(size, start, end, step);
    } else if (!(start === 0 && step === 1 && (end === size || (typeof end === 'number' && end >= WHOLE)))) {
      out[axis] = c.freshDim();
    }
  });
  return out;
});

const expand = shaped((c, shape) => {
  const target = shapeFrom(c, 1);
  return target && (broadcastOf(c, shape, target) ?? fail(c, `does not expand to ${formatShape(target)}`));
});

/**
 * How many elements a Pad adds before and after each axis; undefined when that is not known before the run, or does not
 * fit the rank. The amounts are an attribute before operator set 11, and for all axes before set 18.
 */
export function paddingOf(
  node: Node,
  rank: number,
  ints: (input: number) => readonly Dim[] | undefined,
): readonly (readonly [number, number])[] | undefined {
  const pads = intsAttribute(node, 'pads') ?? numbers(ints(1));
  const axes = node.inputs[3] ? numbers(ints(3)) : Array.from({ length: rank }, (_, i) => i);
  if (pads === undefined || pads.length !== 2 * (axes?.length ?? -1)) return undefined;
  const padding = Array.from({ length: rank }, (): readonly [number, number] => [0, 0]);
  for (const [i, given] of axes!.entries()) {
    const axis = normalizeAxis(given, rank);
    if (axis === undefined) return undefined;
    padding[axis] = [pads[i]!, pads[i + axes!.length]!];
  }
  return padding;
}

export const movementShapes = {
  Reshape: (c) => {
    const { elementType, shape } = inputType(c, 0);
    const target = shapeFrom(c, 1);
    if (target === undefined) return [tensor(elementType, undefined)];
    if (target.filter((d) => d === -1).length > 1 || target.some((d) => typeof d === 'number' && d < -1)) {
      fail(c, `${formatShape(target)} is no shape`);
    }
    const keepZero = intAttribute(c.node, 'allowzero', 0) === 1;
    const out: Dim[] = target.map((d, i) =>
      d === 0 && !keepZero ? (shape === undefined ? c.freshDim() : (shape[i] ?? fail(c, `no axis ${i} to copy`))) : d,
    );
    const unknown = out.indexOf(-1);
    if (shape !== undefined && unknown >= 0) {
      const rest = multiplyDims(out.filter((_, i) => i !== unknown));
      const total = multiplyDims(shape);
      const left = divideDims(total, rest);
      if (left === undefined && typeof total === 'number' && typeof rest === 'number') {
        fail(c, `${total} elements do not fit ${formatShape(target)}`);
      }
      out[unknown] = left ?? c.freshDim();
    } else if (unknown >= 0) {
      out[unknown] = c.freshDim();
    } else if (shape !== undefined) {
      const from = multiplyDims(shape);
      const to = multiplyDims(out);
      c.meet(from, to);
      if (typeof from === 'number' && typeof to === 'number' && from !== to) {
        fail(c, `${from} elements do not fit ${formatShape(out)} with ${to}`);
      }
    }
    return [tensor(elementType, out)];
  },
  Transpose: shaped((c, shape) => {
    const perm = intsAttribute(c.node, 'perm') ?? shape.map((_, i) => shape.length - 1 - i);
    if (perm.length !== shape.length || new Set(perm).size !== perm.length) fail(c, `perm [${perm}] does not fit`);
    return perm.map((p) => shape[p] ?? fail(c, `perm [${perm}] does not fit`));
  }),
  Squeeze: shaped((c, shape) => {
    const axes = axesOf(c, 1)?.map((a) => axisOf(c, a, shape.length));
    for (const a of axes ?? []) {
      c.meet(shape[a]!, 1);
      if (typeof shape[a] === 'number' && shape[a] !== 1) fail(c, `axis ${a} has size ${shape[a]}, not 1`);
    }
    return shape.filter((d, i) => (axes ? !axes.includes(i) : d !== 1));
  }),
  Unsqueeze: shaped((c, shape) => {
    const given = axesOf(c, 1);
    if (given === undefined) return undefined;
    const rank = shape.length + given.length;
    const axes = given.map((a) => axisOf(c, a, rank));
    if (new Set(axes).size !== axes.length) fail(c, `an axis stands twice in [${given}]`);
    const rest = [...shape];
    return Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!));
  }),
  Flatten: shaped((c, shape) => {
    const axis = intAttribute(c.node, 'axis', 1);
    // The axis may also be the rank itself: all in one column.
    const at = axis === shape.length ? axis : axisOf(c, axis, shape.length);
    return [multiplyDims(shape.slice(0, at)), multiplyDims(shape.slice(at))];
  }),
  Concat: shaped((c, first) => {
    const shapes = c.inputs.map((_, i) => inputShape(c, i));
    if (!shapes.every((s) => s !== undefined)) return undefined;
    const axis = axisOf(c, intAttribute(c.node, 'axis', 0), first.length);
    for (const s of shapes) {
      const clash = s.length !== first.length || s.some((d, i) => i !== axis && !canEqual(c, d, first[i]!));
      if (clash) fail(c, `shapes must agree except along axis ${axis}`);
    }
    return first.map((d, i) => (i === axis ? addDims(shapes.map((s) => s[axis]!)) : d));
  }),
  Split: split,
  Slice: slice,
  Expand: expand,
  Pad: shaped((c, shape) => {
    const padding = paddingOf(c.node, shape.length, (i) => c.ints(i));
    return shape.map((d, i) => (padding === undefined ? c.freshDim() : addDims([d, ...padding[i]!])));
  }),
} satisfies Rules<InferRule>;
