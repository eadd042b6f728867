import { sizeOf } from '../graph/dims.ts';
import { stridesOf } from '../graph/tensors.ts';
import type { Tensor } from '../graph/types.ts';

/** The largest whole number that 8 bits stand for, on both sides of zero. */
export const LARGEST_8_BIT = 127;
/** The same for 7 bits: 255 · 64 · 2, the sum of two products with unsigned bytes, fits into 16 bits. */
export const LARGEST_7_BIT = 64;

/** Whole numbers for real ones: x ≈ values · scales, under broadcasting. */
export interface Quantized {
  /** int8, of the dimensions of x. */
  readonly values: Tensor;
  /** float32, of the same rank: 1 along the axes that share a scale. */
  readonly scales: Tensor;
}

/**
 * Rounds a float32 tensor to whole numbers from -largest to largest, symmetrically around zero: scale = max |x| / largest
 * over the axes `shared`, value = round(x / scale). No element moves by more than half a scale. Undefined for a tensor
 * with NaN or infinity, which have no such number, and where each element would have a scale of its own.
 */
export function quantizeSymmetric(
  tensor: Tensor,
  shared: readonly number[],
  largest = LARGEST_8_BIT,
): Quantized | undefined {
  const { dims } = tensor;
  const x = tensor.data as Float32Array;
  const channelDims = dims.map((size, axis) => (shared.includes(axis) ? 1 : size));
  const scales = new Float32Array(sizeOf(channelDims));
  if (scales.length === x.length) return undefined;
  const channels = channelsOf(dims, channelDims);
  for (let i = 0; i < x.length; i++) {
    const size = Math.abs(x[i]!);
    if (!Number.isFinite(size)) return undefined;
    if (size > scales[channels[i]!]!) scales[channels[i]!] = size;
  }
  // Of a channel that is zero, or too small for a scale in float32, all values are zero on any scale.
  for (let c = 0; c < scales.length; c++) scales[c] = Math.fround(scales[c]! / largest) || 1;
  const values = new Int8Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = Math.round(x[i]! / scales[channels[i]!]!);
    values[i] = Math.max(-largest, Math.min(largest, value));
  }
  return {
    values: { elementType: 'int8', dims, data: values },
    scales: { elementType: 'float32', dims: channelDims, data: scales },
  };
}

/** The place of each element's scale. */
function channelsOf(dims: readonly number[], channelDims: readonly number[]): Uint32Array {
  const strides = stridesOf(channelDims);
  const places = new Uint32Array(sizeOf(dims));
  let at = 0;
  const fill = (axis: number, place: number): void => {
    if (axis === dims.length) {
      places[at++] = place;
      return;
    }
    const step = channelDims[axis] === 1 ? 0 : strides[axis]!;
    for (let i = 0; i < dims[axis]!; i++) fill(axis + 1, place + i * step);
  };
  fill(0, 0);
  return places;
}
