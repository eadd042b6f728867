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

/** W [M, C/g, K…] as the weights of the way back, [C, M/g, K…]: outputs and inputs of each group change places. */
function swapChannels(w: Value, group: number): Value {
  const shape = shapeOfType(w).map(Number);
  const kernel = shape.slice(2);
  const axes = kernel.map((_, i) => i + 2);
  if (group === 1) return transpose(w, [1, 0, ...axes]);
  const [outer, inner] = [shape[0]! / group, shape[1]!];
  const parted = reshape(w, [group, outer, inner, ...kernel]);
  return reshape(transpose(parted, [0, 2, 1, ...axes.map((i) => i + 1)]), [group * inner, outer, ...kernel]);
}

/** dx[j] = Σ_k w[k] · dy[(j + p − d·k) / s]: dY with s − 1 zeros after each entry, convolved with W turned around. */
function inputGradient(g: Value, w: Value, window: Window, group: number): Value {
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
  const turned = slice(swapChannels(w, group), back, beginning, axes, back);
  return apply('Conv', [padded, turned], { dilations: [...dilations], ...groupAttribute(group) });
}

/**
 * dw[k] = Σ_l dy[l] · x[s·l + d·k − p]: a convolution of X with dY as the kernel, batch and channels swapped; with groups
 * those of X lie side by side as channels.
 */
function weightGradient(x: Value, g: Value, window: Window, group: number): Value {
  const { strides, dilations, before, after, kernel } = window;
  const axes = spatial(window);
  const swap = (v: Value) => transpose(v, [1, 0, ...axes]);
  const product = apply('Conv', [group === 1 ? swap(x) : groupsAside(x, group), swap(g)], {
    strides: [...dilations],
    dilations: [...strides],
    pads: [...before, ...after],
    ...groupAttribute(group),
  });
  // Where the stride does not divide the length, the last entries of x were never met.
  const zeros = axes.map(() => 0);
  return swap(slice(product, zeros, kernel, axes));
}

/** X [B, C, L…] → [C/g, g·B, L…] */
function groupsAside(x: Value, group: number): Value {
  const [batch = 0, channels = 0, ...sizes] = shapeOfType(x).map(Number);
  const parted = reshape(x, [batch, group, channels / group, ...sizes]);
  const turned = transpose(parted, [2, 1, 0, ...sizes.map((_, i) => i + 3)]);
  return reshape(turned, [channels / group, group * batch, ...sizes]);
}

const groupAttribute = (group: number) => (group === 1 ? {} : { group });

/** Sums over all axes but the channels. */
function sumPerChannel(g: Value): Value {
  return reduceSum(
    g,
    shapeOfType(g).flatMap((_, i) => (i === 1 ? [] : [i])),
  );
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

/** True where enlarging by whole numbers gives blocks of equal entries. */
function repeatsEntries({ node }: GradientContext): boolean {
  if (stringAttribute(node, 'mode', 'nearest') !== 'nearest') return false;
  const place = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  const rounding = stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
  return place === 'asymmetric' ? rounding === 'floor' : place === 'half_pixel' && rounding.startsWith('round');
}

export const convolutionGradients = {
  Conv: (c) => {
    const group = intAttribute(c.node, 'group', 1);
    const [x, w, g] = [c.input(0), c.input(1), c.gradient()];
    const kernel = shapeOfType(w).slice(2);
    if (!isStatic(kernel)) unsupported(c, 'the sizes of its kernel must be fixed');
    if (group !== 1 && !isStatic(shapeOfType(x))) unsupported(c, 'the sizes of its input must be fixed');
    const window = windowOf(c, kernel);
    return [
      c.needs(0) ? inputGradient(g, w, window, group) : undefined,
      c.needs(1) ? weightGradient(x, g, window, group) : undefined,
      c.inputs[2] && c.needs(2) ? sumPerChannel(g) : undefined,
    ];
  },
  /** ConvTranspose is the way back of a convolution, so its own way back is that convolution. */
  ConvTranspose: (c) => {
    const group = intAttribute(c.node, 'group', 1);
    const [x, w, g] = [c.input(0), c.input(1), c.gradient()];
    const [shape, result, kernel] = [shapeOfType(x), shapeOfType(g), shapeOfType(w).slice(2)];
    if (!isStatic(shape) || !isStatic(result) || !isStatic(kernel)) unsupported(c, 'its sizes must be fixed');
    if (stringAttribute(c.node, 'auto_pad', 'NOTSET') !== 'NOTSET' || c.node.attributes.output_shape) {
      unsupported(c, 'auto_pad and output_shape have no gradient here; say pads and output_padding');
    }
    const strides = intsAttribute(c.node, 'strides') ?? kernel.map(() => 1);
    const dilations = intsAttribute(c.node, 'dilations') ?? kernel.map(() => 1);
    const pads = intsAttribute(c.node, 'pads') ?? [...kernel, ...kernel].map(() => 0);
    const window = {
      ...{ strides, dilations, kernel },
      before: pads.slice(0, kernel.length),
      after: pads.slice(kernel.length),
      sizes: result.slice(2),
      outputs: shape.slice(2),
    };
    return [
      c.needs(0) ? apply('Conv', [g, w], { strides, dilations, pads, ...groupAttribute(group) }) : undefined,
      c.needs(1) ? weightGradient(g, x, window, group) : undefined,
      c.inputs[2] && c.needs(2) ? sumPerChannel(g) : undefined,
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
  /** Resize that repeats every entry a whole number of times: the copies' gradients added up. */
  Resize: (c) => {
    const [shape, result] = [shapeOfType(c.input(0)), shapeOfType(c.gradient())];
    if (!isStatic(shape) || !isStatic(result)) unsupported(c, 'its sizes must be fixed');
    const repeats = shape.map((size, i) => result[i]! / size);
    if (!repeats.every(Number.isInteger) || !repeatsEntries(c)) {
      unsupported(c, "only mode 'nearest' that repeats every entry a whole number of times has a gradient here");
    }
    const parted = shape.flatMap((size, i) => [size, repeats[i]!]);
    const copies = shape.map((_, i) => 2 * i + 1);
    return [reduceSum(reshape(c.gradient(), parted), copies)];
  },
  /** GlobalAveragePool: an equal share for every entry. */
  GlobalAveragePool: (c) => {
    const shape = shapeOfType(c.input(0));
    if (!isStatic(shape) || rankOf(c.gradient()) !== shape.length)
      unsupported(c, 'the sizes of its input must be fixed');
    return [expand(div(c.gradient(), sizeOf(shape.slice(2))), shape)];
  },
} satisfies GradientRules;
