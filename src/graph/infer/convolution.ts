import { intAttribute, intsAttribute, stringAttribute } from '../attributes.ts';
import { addDims, multiplyDims } from '../dims.ts';
import type { Rules } from '../rules.ts';
import type { Dim } from '../types.ts';
import {
  canEqual,
  fail,
  type InferContext,
  type InferRule,
  inputShape,
  inputType,
  numbers,
  shaped,
  tensor,
} from './context.ts';

type Window = ReturnType<typeof windowOf>;

/** How a window moves along the spatial axes of x [N, C, d1, d2, …]; its last element lies `reach` behind the first. */
function windowOf(c: InferContext, axes: number, kernel: readonly number[]) {
  const list = (name: string, fallback: number, length = axes) => {
    const given = intsAttribute(c.node, name) ?? new Array<number>(length).fill(fallback);
    if (given.length !== length || given.some((v) => !(v >= fallback))) {
      fail(c, `${name} [${given}] must be ${length} numbers of at least ${fallback}`);
    }
    return given;
  };
  if (kernel.length !== axes || kernel.some((k) => !(k >= 1))) fail(c, `kernel [${kernel}] does not fit ${axes} axes`);
  const pads = list('pads', 0, 2 * axes);
  const dilations = list('dilations', 1);
  const auto = stringAttribute(c.node, 'auto_pad', 'NOTSET');
  return {
    strides: list('strides', 1),
    reach: kernel.map((k, i) => (k - 1) * dilations[i]!),
    before: pads.slice(0, axes),
    padding: kernel.map((_, i) => (auto === 'VALID' ? 0 : pads[i]! + pads[i + axes]!)),
    keepsSize: auto.startsWith('SAME'),
  };
}

/** Positions of the window along one axis; a free size is followed when the window moves by single steps. */
function positions(c: InferContext, size: Dim, w: Window, i: number): Dim {
  const [stride, reach] = [w.strides[i]!, w.reach[i]!];
  if (w.keepsSize) {
    if (stride === 1) return size;
    return typeof size === 'number' ? Math.ceil(size / stride) : c.freshDim();
  }
  const room = addDims([size, w.padding[i]! - reach - 1]);
  if (typeof room !== 'number') return stride === 1 ? addDims([room, 1]) : c.freshDim();
  if (room < 0) fail(c, `the window of ${reach + 1} is longer than axis ${i + 2} of size ${size}`);
  if (intAttribute(c.node, 'ceil_mode', 0) === 0) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  // A last window must not begin behind the data and its left padding.
  return typeof size === 'number' && (count - 1) * stride >= size + w.before[i]! ? count - 1 : count;
}

/** A rule for x [N, C, …] with a weight [.., .., k…] and how the kernel moves. */
const windowed = (shapeOf: (c: InferContext, x: readonly Dim[], w: readonly Dim[], window: Window) => Dim[]) =>
  shaped((c, x) => {
    const w = inputShape(c, 1);
    const kernel = intsAttribute(c.node, 'kernel_shape') ?? numbers(w?.slice(2));
    if (w === undefined || kernel === undefined) return undefined;
    if (x.length < 3 || w.length !== x.length) fail(c, 'x and its weight must have the same three or more axes');
    return shapeOf(c, x, w, windowOf(c, x.length - 2, kernel));
  });

/** The largest or the mean value of each window; MaxPool can also say where it was. */
const pool: InferRule = (c) => {
  const { elementType, shape: x } = inputType(c, 0);
  const kernel = intsAttribute(c.node, 'kernel_shape') ?? fail(c, 'kernel_shape is missing');
  if (x === undefined) return [tensor(elementType, undefined), tensor('int64', undefined)];
  if (x.length < 3) fail(c, 'x must have three or more axes');
  const window = windowOf(c, x.length - 2, kernel);
  const shape = [x[0]!, x[1]!, ...x.slice(2).map((d, i) => positions(c, d, window, i))];
  return [tensor(elementType, shape), tensor('int64', shape)];
};

const globalPool = shaped((_, shape) => shape.map((d, i) => (i < 2 ? d : 1)));

/** [N, C, H, W] → [N, C/b², H·b, W·b], or the way back. */
const blocks = (toSpace: boolean) =>
  shaped((c, shape) => {
    const b = intAttribute(c.node, 'blocksize', 0);
    if (shape.length !== 4 || !(b >= 1)) fail(c, `x must have four axes and the block size ${b} must be positive`);
    const [n, channels, height, width] = shape as readonly [Dim, Dim, Dim, Dim];
    const times = (d: Dim, factor: number) => multiplyDims([d, factor]);
    const divided = (d: Dim, factor: number): Dim => (typeof d === 'number' ? Math.floor(d / factor) : c.freshDim());
    return toSpace
      ? [n, divided(channels, b * b), times(height, b), times(width, b)]
      : [n, times(channels, b * b), divided(height, b), divided(width, b)];
  });

/** Sizes are given, or follow from scales (Upsample: an attribute, or input 1), which are floats and not followed. */
const resize = shaped((c, shape) => {
  const sizes = c.node.op === 'Resize' && c.inputs[3] ? c.ints(3) : undefined;
  const axes = intsAttribute(c.node, 'axes');
  if (sizes === undefined || stringAttribute(c.node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') {
    return scaled(c, shape) ?? shape.map(() => c.freshDim());
  }
  const picked = axes?.map((a) => (a < 0 ? a + shape.length : a)) ?? shape.map((_, i) => i);
  if (sizes.length !== picked.length) fail(c, `${sizes.length} sizes for ${picked.length} axes`);
  return shape.map((d, i) => sizes[picked.indexOf(i)] ?? d);
});

function scaled(c: InferContext, shape: readonly Dim[]): Dim[] | undefined {
  const given = c.node.attributes.scales;
  const scales =
    given?.type === 'floats' ? given.value : c.floats(c.node.op === 'Resize' && c.inputs.length > 2 ? 2 : 1);
  if (scales?.length !== shape.length) return undefined;
  return shape.map((d, i) => {
    if (scales[i] === 1) return d;
    return typeof d === 'number' ? Math.floor(d * scales[i]!) : c.freshDim();
  });
}

/** Shapes of convolutions and of what stands beside them. */
export const convolutionShapes = {
  /** x [N, C, …] with w [M, C/group, k…] → [N, M, …]. */
  Conv: windowed((c, x, w, window) => {
    const channels = multiplyDims([w[1]!, intAttribute(c.node, 'group', 1)]);
    if (!canEqual(c, channels, x[1]!)) fail(c, `the weight reads ${channels} channels, x has ${x[1]}`);
    return [x[0]!, w[0]!, ...x.slice(2).map((d, i) => positions(c, d, window, i))];
  }),
  /** x [N, C, …] with w [C, M/group, k…] → [N, M, …]: stride·(d − 1) + output_padding + reach + 1 − pads. */
  ConvTranspose: windowed((c, x, w, window) => {
    if (!canEqual(c, w[0]!, x[1]!)) fail(c, `the weight reads ${w[0]} channels, x has ${x[1]}`);
    const given = intsAttribute(c.node, 'output_shape');
    const extra = intsAttribute(c.node, 'output_padding');
    const spatial = x.slice(2).map((d, i): Dim => {
      if (given !== undefined) return given[i] ?? fail(c, `output_shape [${given}] is too short`);
      const stride = window.strides[i]!;
      if (window.keepsSize) return multiplyDims([d, stride]);
      return addDims([
        multiplyDims([d, stride]),
        window.reach[i]! + 1 - stride - window.padding[i]! + (extra?.[i] ?? 0),
      ]);
    });
    const made = multiplyDims([w[1]!, intAttribute(c.node, 'group', 1)]);
    return [x[0]!, made, ...spatial];
  }),
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  GlobalMaxPool: globalPool,
  GlobalAveragePool: globalPool,
  GlobalLpPool: globalPool,
  DepthToSpace: blocks(true),
  SpaceToDepth: blocks(false),
  Resize: resize,
  Upsample: resize,
} satisfies Rules<InferRule>;
