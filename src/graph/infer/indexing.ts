import { intAttribute } from '../attributes.ts';
import { multiplyDims } from '../dims.ts';
import type { Rules } from '../rules.ts';
import type { Dim } from '../types.ts';
import {
  axisOf,
  elementTypeAttribute,
  fail,
  type InferContext,
  type InferRule,
  inputShape,
  inputType,
  same,
  shaped,
  tensor,
} from './context.ts';

/** The slices along an axis (of the flat tensor without one) whose condition holds. */
const compress: InferRule = (c) => {
  const { elementType, shape } = inputType(c, 0);
  const axis = c.node.attributes.axis;
  if (axis?.type !== 'int') return [tensor(elementType, [c.freshDim()])];
  if (shape === undefined) return [tensor(elementType, undefined)];
  const at = axisOf(c, axis.value, shape.length);
  return [tensor(elementType, shape.with(at, c.freshDim()))];
};

function rangeLength(c: InferContext): Dim | undefined {
  const [start, limit, delta] = [c.ints(0)?.[0], c.ints(1)?.[0], c.ints(2)?.[0]];
  if (start === 0 && delta === 1) return typeof limit === 'number' ? Math.max(0, limit) : limit;
  if (typeof start !== 'number' || typeof limit !== 'number' || typeof delta !== 'number' || delta === 0)
    return undefined;
  return Math.max(0, Math.ceil((limit - start) / delta));
}

/** Shapes of operators that pick, place and count elements. */
export const indexingShapes = {
  /** x[…, indices, …] with the indices' axes in place of `axis`. */
  Gather: shaped((c, shape) => {
    const indices = inputShape(c, 1);
    const axis = axisOf(c, intAttribute(c.node, 'axis', 0), shape.length);
    return indices && [...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)];
  }),
  GatherElements: (c) => [tensor(inputType(c, 0).elementType, inputShape(c, 1))],
  /** The last axis of the indices [b…, i…, k] points into k axes of x [b…, …]: the result is [b…, i…, rest of x]. */
  GatherND: shaped((c, shape) => {
    const indices = inputShape(c, 1);
    const depth = indices?.at(-1);
    if (indices === undefined || typeof depth !== 'number') return undefined;
    const batch = intAttribute(c.node, 'batch_dims', 0);
    if (batch < 0 || batch + depth > shape.length) fail(c, `${depth} indices after ${batch} batch axes do not fit`);
    return [...indices.slice(0, -1), ...shape.slice(batch + depth)];
  }),
  Scatter: same,
  ScatterElements: same,
  ScatterND: same,
  /** One place of the depth is on, the others off; the new axis stands at `axis` of the result. */
  OneHot: (c) => {
    const { elementType } = inputType(c, 2);
    const shape = inputShape(c, 0);
    if (shape === undefined) return [tensor(elementType, undefined)];
    const axis = axisOf(c, intAttribute(c.node, 'axis', -1), shape.length + 1);
    const depth = c.ints(1)?.[0] ?? c.freshDim();
    return [tensor(elementType, [...shape.slice(0, axis), depth, ...shape.slice(axis)])];
  },
  /** Values and indices of the k largest along an axis; k is an attribute before operator set 10. */
  TopK: (c) => {
    const { elementType, shape } = inputType(c, 0);
    if (shape === undefined) return [tensor(elementType, undefined), tensor('int64', undefined)];
    const axis = axisOf(c, intAttribute(c.node, 'axis', -1), shape.length);
    const given = c.node.attributes.k;
    const k: Dim = given?.type === 'int' ? given.value : (c.ints(1)?.[0] ?? c.freshDim());
    const out = shape.with(axis, k);
    return [tensor(elementType, out), tensor('int64', out)];
  },
  /** Indices [rank, n] of the n elements that are not zero. */
  NonZero: (c) => {
    const shape = inputShape(c, 0);
    return [tensor('int64', [shape?.length ?? c.freshDim(), c.freshDim()])];
  },
  Compress: compress,
  /** Distinct slices, and where they come from. */
  Unique: (c) => {
    const count = c.freshDim();
    return [...compress(c), tensor('int64', [count]), tensor('int64', [c.freshDim()]), tensor('int64', [count])];
  },
  EyeLike: (c) => {
    const type = inputType(c, 0);
    if (type.shape !== undefined && type.shape.length !== 2) fail(c, 'the input must be a matrix');
    return [tensor(elementTypeAttribute(c, 'dtype') ?? type.elementType, type.shape)];
  },
  /** `start`, `start + delta`, … before `limit`: as many as fit. */
  Range: (c) => [tensor(inputType(c, 0).elementType, [rangeLength(c) ?? c.freshDim()])],
  /** Each axis repeated as often as the second input says. */
  Tile: shaped((c, shape) => {
    const repeats = c.ints(1);
    if (repeats !== undefined && repeats.length !== shape.length) {
      fail(c, `${repeats.length} numbers of repetitions for ${shape.length} axes`);
    }
    return shape.map((d, i) => (repeats === undefined ? c.freshDim() : multiplyDims([d, repeats[i]!])));
  }),
} satisfies Rules<InferRule>;
