import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis, sliceBound } from '../graph/dims.ts';
import { add, apply, concat, fullLike, reduceSum, reshape, scatterAdd, slice, transpose } from '../graph/ops.ts';
import {
  type GradientContext,
  type GradientRule,
  type GradientRules,
  rankOf,
  reshapeLike,
  shapeOfType,
  sumTo,
  unsupported,
} from './rule.ts';

/** Operators that only rename axes: the gradient takes the input's shape back. */
const reshaping: GradientRule = (c) => [reshapeLike(c.gradient(), c.input(0))];

/** Sizes along an axis, which must be known to cut there. */
function sizeAlong(c: GradientContext, x: Value, axis: number): number {
  const size = shapeOfType(x)[axis];
  return typeof size === 'number' ? size : unsupported(c, `the size of axis ${axis} of '${x.name}' is free`);
}

/** Zeros before and after along one axis. */
function padAlong(c: GradientContext, g: Value, axis: number, before: number, after: number): Value {
  const rank = rankOf(g);
  const pads = new Array<number>(2 * rank).fill(0);
  pads[axis] = before;
  pads[axis + rank] = after;
  return apply('Pad', [g, c.builder.ints(pads)]);
}

/** Places entries of `g` at first, first + step, … along one axis of a zero tensor. */
function spread(c: GradientContext, g: Value, axis: number, first: number, step: number, size: number): Value {
  const shape = shapeOfType(g);
  if (!shape.every((d) => typeof d === 'number')) unsupported(c, 'a step other than 1 needs fixed sizes');
  const indices = c.builder.ints(Array.from({ length: Number(shape[axis]) }, (_, i) => first + i * step));
  const column = apply('Reshape', [indices, c.builder.ints(shape.map((_, i) => (i === axis ? -1 : 1)))]);
  const everywhere = apply('Expand', [column, c.builder.ints(shape.map(Number))]);
  const zeros = apply('ConstantOfShape', [c.builder.ints(shape.map((d, i) => (i === axis ? size : Number(d))))]);
  return scatterAdd(zeros, everywhere, g, axis);
}

/** Adds the gradients of both borders along an axis to those of the entries that they repeat. */
function foldBorders(
  c: GradientContext,
  g: Value,
  axis: number,
  { before, after, mode }: { readonly before: number; readonly after: number; readonly mode: 'reflect' | 'edge' },
): Value {
  if (before === 0 && after === 0) return g;
  const size = sizeAlong(c, g, axis) - before - after;
  const part = (from: number, to: number) => slice(g, [from], [to], [axis]);
  /** The gradient of a border of `width` entries, folded over, first at the entry `at` of the inside. */
  const folded = (border: Value, width: number, at: number) => {
    const inside = mode === 'edge' ? reduceSum(border, [axis], true) : reversed(border, axis);
    return padAlong(c, inside, axis, at, size - at - (mode === 'edge' ? 1 : width));
  };
  let sum = part(before, before + size);
  const inset = mode === 'edge' ? 0 : 1;
  if (before > 0) sum = add(sum, folded(part(0, before), before, inset));
  if (after > 0) {
    const at = mode === 'edge' ? size - 1 : size - 1 - after;
    sum = add(sum, folded(part(before + size, before + size + after), after, at));
  }
  return sum;
}

function reversed(x: Value, axis: number): Value {
  return slice(x, [-1], [Number.NEGATIVE_INFINITY], [axis], [-1]);
}

export const movementGradients = {
  Reshape: reshaping,
  Squeeze: reshaping,
  Unsqueeze: reshaping,
  Flatten: reshaping,
  Transpose: (c) => {
    const rank = rankOf(c.input(0));
    const perm = intsAttribute(c.node, 'perm') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const back = perm.map((_, i) => perm.indexOf(i));
    return [transpose(c.gradient(), back)];
  },
  /** Concat: each operand takes its own stretch of the gradient. */
  Concat: (c) => {
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rankOf(c.input(0)))!;
    let start = 0;
    return c.inputs.map((_, i) => {
      const from = start;
      start += sizeAlong(c, c.input(i), axis);
      return c.needs(i) ? slice(c.gradient(), [from], [start], [axis]) : undefined;
    });
  },
  /** Split: the parts' gradients joined again; a part that the loss does not see counts as zero. */
  Split: (c) => {
    const parts = c.gradients.map((g, i) => g ?? fullLike(c.output(i), 0));
    return [concat(parts, intAttribute(c.node, 'axis', 0))];
  },
  /** Slice: the gradient put back where it was cut, zeros around it; steps other than 1 are scattered by index. */
  Slice: (c) => {
    const x = c.input(0);
    const known = (i: number) => (c.inputs[i] ? c.builder.knownInts(c.input(i)) : undefined);
    const starts = intsAttribute(c.node, 'starts') ?? known(1);
    const ends = intsAttribute(c.node, 'ends') ?? known(2);
    if (starts === undefined || ends === undefined) unsupported(c, 'starts and ends must be constants');
    const axes = intsAttribute(c.node, 'axes') ?? known(3) ?? starts.map((_, i) => i);
    const steps = known(4);
    let g = c.gradient();
    const rank = rankOf(x);
    starts.forEach((start, i) => {
      const axis = normalizeAxis(Number(axes[i]), rank)!;
      const size = sizeAlong(c, x, axis);
      const step = Number(steps?.[i] ?? 1);
      const length = sizeAlong(c, g, axis);
      const first = Math.min(sliceBound(Number(start), size), step > 0 ? size : size - 1);
      if (first === 0 && step === 1 && length === size) return;
      g = step === 1 ? padAlong(c, g, axis, first, size - first - length) : spread(c, g, axis, first, step, size);
    });
    return [g];
  },
  /**
   * Pad with a constant: padding by as much less takes the border off again, and puts zeros where entries were cut. A
   * border that repeats entries gives its gradient to them.
   */
  Pad: (c) => {
    const mode = stringAttribute(c.node, 'mode', 'constant');
    if (c.inputs[3]) unsupported(c, 'axes (input 3) have no gradient here');
    const pads = c.builder.knownInts(c.input(1));
    if (!isStatic(pads)) unsupported(c, 'pads must be constant');
    if (mode === 'constant') return [apply('Pad', [c.gradient(), c.builder.ints(pads.map((p) => -p))])];
    if (mode !== 'reflect' && mode !== 'edge') unsupported(c, `mode '${mode}' has no gradient here`);
    if (pads.some((p) => p < 0)) unsupported(c, `mode '${mode}' with negative pads has no gradient here`);
    const rank = pads.length / 2;
    const folded = Array.from({ length: rank }, (_, axis) => axis).reduce(
      (g, axis) => foldBorders(c, g, axis, { before: pads[axis]!, after: pads[axis + rank]!, mode }),
      c.gradient(),
    );
    return [folded];
  },
  /** Tile: the copies' gradients added up, with [repeats, size] in place of each axis. */
  Tile: (c) => {
    const shape = shapeOfType(c.input(0));
    const repeats = c.builder.knownInts(c.input(1));
    if (!isStatic(shape) || !isStatic(repeats)) unsupported(c, 'sizes and repeats must be constant');
    const parted = shape.flatMap((size, i) => [repeats[i]!, size]);
    const copies = shape.map((_, i) => 2 * i);
    return [reduceSum(reshape(c.gradient(), parted), copies)];
  },
  /** Reversing each sequence up to its length again puts every gradient back in its place. */
  ReverseSequence: (c) => [c.builder.node('ReverseSequence', [c.gradient(), c.input(1)], c.node.attributes)[0]],
  /** y_i = Σ_{j ≤ i} x_j: dx_j = Σ_{i ≥ j} dy_i, a running sum from the other end. */
  CumSum: (c) => {
    const attributes = { ...c.node.attributes, reverse: 1 - intAttribute(c.node, 'reverse', 0) };
    return c.builder.node('CumSum', [c.gradient(), c.input(1)], attributes);
  },
  Expand: (c) => [sumTo(c.gradient(), c.input(0))],
} satisfies GradientRules;
