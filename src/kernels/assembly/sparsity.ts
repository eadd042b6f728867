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

/**
 * w[i,j] <- w[i,j] * rowFactor[i] * colFactor[j], and of the new weights rowSquares[i] = sum_j w[i,j]²,
 * colSquares[j] = sum_i w[i,j]².
 */
export function scale(
  w: usize, rows: u32, cols: u32, rowFactor: usize, colFactor: usize, rowSquares: usize, colSquares: usize,
): void {
  memory.fill(colSquares, 0, (<usize>cols) << 2);
  for (let i: u32 = 0; i < rows; i++) {
    const r = valueAt(rowFactor, i);
    const r4 = f32x4.splat(r);
    let c = colFactor, squares = colSquares;
    let sum = f32x4.splat(0);
    let j: u32 = 0;
    for (; cols - j >= 4; j += 4) {
      const x = f32x4.mul(v128.load(w), f32x4.mul(r4, v128.load(c)));
      v128.store(w, x);
      const q = f32x4.mul(x, x);
      sum = f32x4.add(sum, q);
      v128.store(squares, f32x4.add(v128.load(squares), q));
      w += VECTOR;
      c += VECTOR;
      squares += VECTOR;
    }
    let total = sumLanes(sum);
    for (; j < cols; j++) {
      const x = load<f32>(w) * (r * load<f32>(c));
      store<f32>(w, x);
      total += x * x;
      addTo(squares, 0, x * x);
      w += FLOAT;
      c += FLOAT;
      squares += FLOAT;
    }
    setValue(rowSquares, i, total);
  }
}
