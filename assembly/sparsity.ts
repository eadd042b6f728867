// What some sparsity methods do besides the update itself, each one more trip through memory.
import { addTo, FLOAT, setValue, sumLanes, valueAt, VECTOR } from './lanes';

/** Elements summed in float32 before the sum moves to float64. */
const CHUNK: u32 = 512;

/** g[i] <- g[i] + strength * sign(w[i]), where the sign of 0 is 0; returns sum_i |w[i]|. */
export function addSign(w: usize, g: usize, n: u32, strength: f32): f64 {
  const strength4 = f32x4.splat(strength);
  const signBit = i32x4.splat(0x80000000);
  const zero = f32x4.splat(0);
  let total: f64 = 0;
  while (n > 0) {
    const length = min(n, CHUNK);
    let sum = zero;
    let i: u32 = 0;
    for (; length - i >= 4; i += 4) {
      const x = v128.load(w);
      const signed = v128.or(v128.and(x, signBit), strength4);
      v128.store(g, f32x4.add(v128.load(g), v128.andnot(signed, f32x4.eq(x, zero))));
      sum = f32x4.add(sum, f32x4.abs(x));
      w += VECTOR;
      g += VECTOR;
    }
    total += <f64>sumLanes(sum);
    for (; i < length; i++) {
      const x = load<f32>(w);
      if (x != 0) store<f32>(g, load<f32>(g) + copysign<f32>(strength, x));
      total += <f64>abs<f32>(x);
      w += FLOAT;
      g += FLOAT;
    }
    n -= length;
  }
  return total;
}

/** g[i] <- 0 where w[i] = 0 */
export function maskGradient(w: usize, g: usize, n: u32): void {
  const zero = f32x4.splat(0);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    v128.store(g, v128.andnot(v128.load(g), f32x4.eq(v128.load(w), zero)));
    w += VECTOR;
    g += VECTOR;
  }
  for (; i < n; i++) {
    if (load<f32>(w) == 0) store<f32>(g, 0);
    w += FLOAT;
    g += FLOAT;
  }
}

/** values[i] <- 0 where the byte mask[i] = 0 */
export function applyMask(values: usize, mask: usize, n: u32): void {
  const zero = i16x8.splat(0);
  let i: u32 = 0;
  for (; n - i >= 8; i += 8) {
    // Eight bytes widen to eight 16-bit lanes; "all bits where 0" then widens twice more, to four 32-bit lanes each.
    const gone = i16x8.eq(v128.load_ext<u8>(mask), zero);
    v128.store(values, v128.andnot(v128.load(values), i32x4.extend_low_i16x8_s(gone)));
    v128.store(values, v128.andnot(v128.load(values, 16), i32x4.extend_high_i16x8_s(gone)), 16);
    values += 2 * VECTOR;
    mask += 8;
  }
  for (; i < n; i++) {
    if (load<u8>(mask) == 0) store<f32>(values, 0);
    values += FLOAT;
    mask++;
  }
}

/** w <- w * (r * c) on four weights; returns the new w². */
// @ts-ignore: decorator
@inline
function scaleFour(w: usize, r: v128, c: v128): v128 {
  const x = f32x4.mul(v128.load(w), f32x4.mul(r, c));
  v128.store(w, x);
  return f32x4.mul(x, x);
}

/** The same on one weight. */
// @ts-ignore: decorator
@inline
function scaleOne(w: usize, r: f32, c: f32): f32 {
  const x = load<f32>(w) * (r * c);
  store<f32>(w, x);
  return x * x;
}

/**
 * w[i,j] <- w[i,j] * rowFactor[i] * colFactor[j], and of the new weights rowSquares[i] = sum_j w[i,j]²,
 * colSquares[j] = sum_i w[i,j]². Sums them in the order in which `update` does, to the last bit.
 */
export function scale(
  w: usize, rows: u32, cols: u32, rowFactor: usize, colFactor: usize, rowSquares: usize, colSquares: usize,
): void {
  memory.fill(colSquares, 0, (<usize>cols) << 2);
  const quarter = rows >> 2;
  for (let i: u32 = 0; i < quarter; i++) {
    scaleFourRows(w + i * cols * FLOAT, quarter, cols, rowFactor + i * FLOAT, colFactor, rowSquares + i * FLOAT, colSquares);
  }
  for (let i: u32 = 4 * quarter; i < rows; i++) {
    scaleRow(w + i * cols * FLOAT, cols, valueAt(rowFactor, i), colFactor, rowSquares + i * FLOAT, colSquares);
  }
}

/** Four rows of `cols` weights, `apart` rows from each other. */
function scaleFourRows(
  w: usize, apart: u32, cols: u32, rowFactor: usize, colFactor: usize, rowSquares: usize, colSquares: usize,
): void {
  const stride = <usize>apart * cols * FLOAT;
  const r0 = f32x4.splat(valueAt(rowFactor, 0));
  const r1 = f32x4.splat(valueAt(rowFactor, apart));
  const r2 = f32x4.splat(valueAt(rowFactor, 2 * apart));
  const r3 = f32x4.splat(valueAt(rowFactor, 3 * apart));
  let w1 = w + stride, w2 = w1 + stride, w3 = w2 + stride;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let j: u32 = 0;
  for (; cols - j >= 4; j += 4) {
    const c = v128.load(colFactor);
    const q0 = scaleFour(w, r0, c);
    const q1 = scaleFour(w1, r1, c);
    const q2 = scaleFour(w2, r2, c);
    const q3 = scaleFour(w3, r3, c);
    s0 = f32x4.add(s0, q0);
    s1 = f32x4.add(s1, q1);
    s2 = f32x4.add(s2, q2);
    s3 = f32x4.add(s3, q3);
    v128.store(colSquares, f32x4.add(v128.load(colSquares), f32x4.add(f32x4.add(q0, q1), f32x4.add(q2, q3))));
    w += VECTOR, w1 += VECTOR, w2 += VECTOR, w3 += VECTOR;
    colFactor += VECTOR;
    colSquares += VECTOR;
  }
  setValue(rowSquares, 0, sumLanes(s0));
  setValue(rowSquares, apart, sumLanes(s1));
  setValue(rowSquares, 2 * apart, sumLanes(s2));
  setValue(rowSquares, 3 * apart, sumLanes(s3));
  for (; j < cols; j++) {
    const c = load<f32>(colFactor);
    for (let k: u32 = 0; k < 4; k++) {
      const q = scaleOne(w + stride * k, valueAt(rowFactor, k * apart), c);
      addTo(rowSquares, k * apart, q);
      addTo(colSquares, 0, q);
    }
    w += FLOAT;
    colFactor += FLOAT;
    colSquares += FLOAT;
  }
}

function scaleRow(
  w: usize, cols: u32, rowFactor: f32, colFactor: usize, rowSquare: usize, colSquares: usize,
): void {
  const r = f32x4.splat(rowFactor);
  let s = f32x4.splat(0);
  let j: u32 = 0;
  for (; cols - j >= 4; j += 4) {
    const o = (<usize>j) << 2;
    const q = scaleFour(w + o, r, v128.load(colFactor + o));
    s = f32x4.add(s, q);
    v128.store(colSquares + o, f32x4.add(v128.load(colSquares + o), q));
  }
  let square = sumLanes(s);
  for (; j < cols; j++) {
    const q = scaleOne(w + j * FLOAT, rowFactor, valueAt(colFactor, j));
    square += q;
    addTo(colSquares, j, q);
  }
  store<f32>(rowSquare, square);
}
