// Sums of squares: float32 within a short chunk, float64 across chunks, so that millions of terms keep their accuracy.
import { FLOAT, sumLanes, valueAt, VECTOR } from './lanes';

/** Elements summed in float32 before the sum moves to float64. */
const CHUNK: u32 = 512;

// @ts-ignore: decorator
@inline
function squareOf(v: v128): v128 {
  return f32x4.mul(v, v);
}

/** sum_i g[i]² */
export function sumOfSquares(g: usize, n: u32): f64 {
  let total: f64 = 0;
  while (n > 0) {
    const length = min(n, CHUNK);
    // Four running sums hide the latency of the addition.
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
    let i: u32 = 0;
    for (; length - i >= 16; i += 16) {
      s0 = f32x4.add(s0, squareOf(v128.load(g)));
      s1 = f32x4.add(s1, squareOf(v128.load(g, 16)));
      s2 = f32x4.add(s2, squareOf(v128.load(g, 32)));
      s3 = f32x4.add(s3, squareOf(v128.load(g, 48)));
      g += 4 * VECTOR;
    }
    total += <f64>sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    for (; i < length; i++) {
      const x = load<f32>(g);
      total += <f64>(x * x);
      g += FLOAT;
    }
    n -= length;
  }
  return total;
}

/** (scale * g + w * decay)² on four elements. */
// @ts-ignore: decorator
@inline
function decayedFour(w: usize, g: usize, decay: v128, scale: v128): v128 {
  return squareOf(f32x4.add(f32x4.mul(scale, v128.load(g)), f32x4.mul(v128.load(w), decay)));
}

/** The same on one element. */
// @ts-ignore: decorator
@inline
function decayedOne(w: usize, g: usize, decay: f32, scale: f32): f64 {
  const x = scale * load<f32>(g) + load<f32>(w) * decay;
  return <f64>(x * x);
}

/** sum_ij (gradientScale * g[i,j] + w[i,j] * (rowDecay[i] + colDecay[j]))² */
export function sumOfSquaresWithDecay(
  w: usize, g: usize, rows: u32, cols: u32, rowDecay: usize, colDecay: usize, gradientScale: f32,
): f64 {
  const stride = (<usize>cols) << 2;
  const half = rows >> 1;
  let total: f64 = 0;
  // Two rows share the reads of colDecay; half a matrix apart, each is one long stream for the prefetcher.
  for (let i: u32 = 0; i < half; i++) {
    const r0 = valueAt(rowDecay, i);
    const r1 = valueAt(rowDecay, i + half);
    for (let j: u32 = 0; j < cols; ) {
      const length = min(cols - j, CHUNK);
      const o = (<usize>j) << 2;
      total += decayedTwoRows(w + o, g + o, half * stride, length, r0, r1, colDecay + o, gradientScale);
      j += length;
    }
    w += stride;
    g += stride;
  }
  if (rows & 1) {
    w += half * stride;
    g += half * stride;
    for (let j: u32 = 0; j < cols; ) {
      const length = min(cols - j, CHUNK);
      const o = (<usize>j) << 2;
      total += decayedRow(w + o, g + o, length, valueAt(rowDecay, rows - 1), colDecay + o, gradientScale);
      j += length;
    }
  }
  return total;
}

/** Two rows of `length` elements, `apart` bytes from each other, with row decays r0 and r1. */
function decayedTwoRows(
  w: usize, g: usize, apart: usize, length: u32, r0: f32, r1: f32, colDecay: usize, scale: f32,
): f64 {
  const scale4 = f32x4.splat(scale);
  const r0s = f32x4.splat(r0);
  const r1s = f32x4.splat(r1);
  let w1 = w + apart;
  let g1 = g + apart;
  let s0 = f32x4.splat(0), s1 = s0;
  let j: u32 = 0;
  for (; length - j >= 4; j += 4) {
    const c = v128.load(colDecay);
    s0 = f32x4.add(s0, decayedFour(w, g, f32x4.add(r0s, c), scale4));
    s1 = f32x4.add(s1, decayedFour(w1, g1, f32x4.add(r1s, c), scale4));
    w += VECTOR, w1 += VECTOR;
    g += VECTOR, g1 += VECTOR;
    colDecay += VECTOR;
  }
  let total = <f64>sumLanes(f32x4.add(s0, s1));
  for (; j < length; j++) {
    const c = load<f32>(colDecay);
    total += decayedOne(w, g, r0 + c, scale) + decayedOne(w1, g1, r1 + c, scale);
    w += FLOAT, w1 += FLOAT;
    g += FLOAT, g1 += FLOAT;
    colDecay += FLOAT;
  }
  return total;
}

function decayedRow(w: usize, g: usize, length: u32, rowDecay: f32, colDecay: usize, scale: f32): f64 {
  const scale4 = f32x4.splat(scale);
  const r = f32x4.splat(rowDecay);
  let s = f32x4.splat(0);
  let j: u32 = 0;
  for (; length - j >= 4; j += 4) {
    const o = (<usize>j) << 2;
    s = f32x4.add(s, decayedFour(w + o, g + o, f32x4.add(r, v128.load(colDecay + o)), scale4));
  }
  let total = <f64>sumLanes(s);
  for (; j < length; j++) {
    const o = (<usize>j) << 2;
    total += decayedOne(w + o, g + o, rowDecay + load<f32>(colDecay + o), scale);
  }
  return total;
}
