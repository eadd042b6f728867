import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { isStatic, sizeOf } from '../graph/dims.ts';
import { apply, div, expand, reduceSum, reshape, scatterAdd, slice, transpose, unsqueeze } from '../graph/ops.ts';
import { type GradientContext, type GradientRules, rankOf, shapeOfType, unsupported } from './rule.ts';

/*
 * A convolution over any number of spatial axes, of X [B, C, L…] with W [M, C, K…] to Y [B, M, L'…]:
 *   y[l] = Σ_k w[k] · x[s·l + d·k − p]   with stride s, dilation d, p zeros before (and q after) along each axis.
 */

type Window = ReturnType<typeof windowOf>;

/** Stride, dilation, zeros before and after, and the sizes L, K and L' along each spatial axis. */
function windowOf(c: GradientContext, kernel: readonly number[]) {
  const shape = shapeOfType(c.input(0));
  const result = shapeOfType(c.gradient());
  if (!isStatic(shape) || !isStatic(result)) unsupported(c, 'the sizes of its input must be fixed');
  const sizes = shape.slice(2);
  const outputs = result.slice(2);
  const strides = intsAttribute(c.node, 'strides') ?? sizes.map(() => 1);
  const dilations = intsAttribute(c.node, 'dilations') ?? sizes.map(() => 1);
  const pads = intsAttribute(c.node, 'pads') ?? [...sizes, ...sizes].map(() => 0);
  const auto = stringAttribute(c.node, 'auto_pad', 'NOTSET');
  const total = sizes.map((size, i) => {
    if (!auto.startsWith('SAME')) return 0;
    return Math.max(0, (outputs[i]! - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - size);
  });
  const halves = auto === 'SAME_LOWER' ? total.map((t) => Math.ceil(t / 2)) : total.map((t) => Math.floor(t / 2));
  const explicit = auto === 'NOTSET';
  const rank = sizes.length;
  return {
    strides,
    dilations,
    before: explicit ? pads.slice(0, rank) : halves,
    after: explicit ? pads.slice(rank) : total.map((t, i) => t - halves[i]!),
    sizes,
    kernel,
    outputs,
  };
}

const spatial = (w: Window) => w.sizes.map((_, i) => i + 2);

/** dx[j] = Σ_k w[k] · dy[(j + p − d·k) / s]: dY with s − 1 zeros after each entry, convolved with W turned around. */
function inputGradient(g: Value, w: Value, window: Window): Value {
  const { strides, dilations, before, sizes, kernel, outputs } = window;
  const axes = spatial(window);
  let spaced = g;
  for (const [i, axis] of axes.entries()) spaced = spaceOut(spaced, axis, strides[i]!);
  const reach = kernel.map((k, i) => dilations[i]! * (k - 1));
  const left = reach.map((r, i) => r - before[i]!);
  const right = sizes.map((size, i) => size + reach[i]! - outputs[i]! * strides[i]! - left[i]!);
  const padded = apply('Pad', [spaced, g.builder.ints([0, 0, ...left, 0, 0, ...right])]);
  const back = axes.map(() => -1);
  const beginning = axes.map(() => Number.NEGATIVE_INFINITY);
  const turned = slice(transpose(w, [1, 0, ...axes]), back, beginning, axes, back);
  return apply('Conv', [padded, turned], { dilations: [...dilations] });
}

/** dw[k] = Σ_l dy[l] · x[s·l + d·k − p]: a convolution of X with dY as the kernel, batch and channels swapped. */
function weightGradient(x: Value, g: Value, window: Window): Value {
  const { strides, dilations, before, after, kernel } = window;
  const axes = spatial(window);
  const swap = (v: Value) => transpose(v, [1, 0, ...axes]);
  const product = apply('Conv', [swap(x), swap(g)], {
    strides: [...dilations],
    dilations: [...strides],
    pads: [...before, ...after],
  });
  // Where the stride does not divide the length, the last entries of x were never met.
  const zeros = axes.map(() => 0);
  return swap(slice(product, zeros, kernel, axes));
}

/** s − 1 zeros after every entry along an axis. */
function spaceOut(x: Value, axis: number, stride: number): Value {
  if (stride === 1) return x;
  const shape = shapeOfType(x).map(Number);
  const pads = new Array<number>(2 * (shape.length + 1)).fill(0);
  pads[shape.length + 1 + axis + 1] = stride - 1;
  const columns = apply('Pad', [unsqueeze(x, [axis + 1]), x.builder.ints(pads)]);
  return reshape(columns, shape.with(axis, shape[axis]! * stride));
}

export const convolutionGradients = {
  Conv: (c) => {
    if (intAttribute(c.node, 'group', 1) !== 1) unsupported(c, 'only convolutions of one group have a gradient here');
    const [x, w, g] = [c.input(0), c.input(1), c.gradient()];
    const kernel = shapeOfType(w).slice(2);
    if (!isStatic(kernel)) unsupported(c, 'the sizes of its kernel must be fixed');
    const window = windowOf(c, kernel);
    const notChannels = shapeOfType(g).flatMap((_, i) => (i === 1 ? [] : [i]));
    return [
      c.needs(0) ? inputGradient(g, w, window) : undefined,
      c.needs(1) ? weightGradient(x, g, window) : undefined,
      c.inputs[2] && c.needs(2) ? reduceSum(g, notChannels) : undefined,
    ];
  },
  /** MaxPool: every gradient entry is added where its maximum was found. */
  MaxPool: (c) => {
    const x = c.input(0);
    const shape = shapeOfType(x);
    if (!isStatic(shape)) unsupported(c, 'the sizes of its input must be fixed');
    if (intAttribute(c.node, 'storage_order', 0) !== 0) unsupported(c, 'column-major indices have no gradient here');
    const [, indices] = c.builder.node('MaxPool', [x], c.node.attributes, 2);
    const zeros = apply('ConstantOfShape', [c.builder.ints([sizeOf(shape)])]);
    const flat = scatterAdd(zeros, reshape(indices!, [-1]), reshape(c.gradient(), [-1]), 0);
    return [reshape(flat, shape)];
  },
  /** GlobalAveragePool: an equal share for every entry. */
  GlobalAveragePool: (c) => {
    const shape = shapeOfType(c.input(0));
    if (!isStatic(shape) || rankOf(c.gradient()) !== shape.length)
      unsupported(c, 'the sizes of its input must be fixed');
    return [expand(div(c.gradient(), sizeOf(shape.slice(2))), shape)];
  },
} satisfies GradientRules;
