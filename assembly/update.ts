// Four rows go together, so that the traffic on colDecay and colSquares is a quarter of the traffic on the weights.
// They lie a quarter of the matrix apart: each is then one long stream that the processor's prefetcher can follow,
// where neighbouring rows would begin new streams every few kilobytes (up to a third slower).
import { addTo, FLOAT, setValue, sumLanes, valueAt, VECTOR } from './lanes';

/**
 * w <- x if not |x| < threshold else 0, on four weights; returns the new w². A comparison with NaN is false: NaN stays.
 * x = w - (w * decay + step * g) rather than w * (1 - decay) - step * g, because rounding 1 - decay turns a decay
 * of 1e-7 into 1.2e-7.
 */
// @ts-ignore: decorator
@inline
function updateFour(w: usize, g: usize, decay: v128, step: v128, threshold: v128): v128 {
  const old = v128.load(w);
  const x = f32x4.sub(old, f32x4.add(f32x4.mul(old, decay), f32x4.mul(step, v128.load(g))));
  const thresholded = v128.andnot(x, f32x4.lt(f32x4.abs(x), threshold));
  v128.store(w, thresholded);
  return f32x4.mul(thresholded, thresholded);
}

/** The same on one weight. */
// @ts-ignore: decorator
@inline
function updateOne(w: usize, g: usize, decay: f32, step: f32, threshold: f32): f32 {
  const old = load<f32>(w);
  const x = old - (old * decay + step * load<f32>(g));
  const thresholded: f32 = abs<f32>(x) < threshold ? 0 : x;
  store<f32>(w, thresholded);
  return thresholded * thresholded;
}

/**
 * w[i,j] <- hard(w[i,j] * (1 - (rowDecay[i] + colDecay[j])) - step * g[i,j], threshold), and of the new weights
 * rowSquares[i] = sum_j w[i,j]², colSquares[j] = sum_i w[i,j]².
 */
export function update(
  w: usize, g: usize, rows: u32, cols: u32, rowDecay: usize, colDecay: usize,
  step: f32, threshold: f32, rowSquares: usize, colSquares: usize,
): void {
  memory.fill(colSquares, 0, (<usize>cols) << 2);
  const stride = (<usize>cols) << 2;
  const quarter = rows >> 2;
  for (let i: u32 = 0; i < quarter; i++) {
    updateFourRows(w, g, quarter, cols, rowDecay, colDecay, step, threshold, rowSquares, colSquares);
    w += stride;
    g += stride;
    rowDecay += FLOAT;
    rowSquares += FLOAT;
  }
  w += 3 * quarter * stride;
  g += 3 * quarter * stride;
  rowDecay += 3 * quarter * FLOAT;
  rowSquares += 3 * quarter * FLOAT;
  for (let i: u32 = 4 * quarter; i < rows; i++) {
    updateRow(w, g, cols, load<f32>(rowDecay), colDecay, step, threshold, rowSquares, colSquares);
    w += stride;
    g += stride;
    rowDecay += FLOAT;
    rowSquares += FLOAT;
  }
}

/** Four rows of `cols` weights, `apart` rows from each other. */
function updateFourRows(
  w: usize, g: usize, apart: u32, cols: u32, rowDecay: usize, colDecay: usize,
  step: f32, threshold: f32, rowSquares: usize, colSquares: usize,
): void {
  const stride = <usize>apart * cols * FLOAT;
  const step4 = f32x4.splat(step);
  const threshold4 = f32x4.splat(threshold);
  const r0 = f32x4.splat(valueAt(rowDecay, 0));
  const r1 = f32x4.splat(valueAt(rowDecay, apart));
  const r2 = f32x4.splat(valueAt(rowDecay, 2 * apart));
  const r3 = f32x4.splat(valueAt(rowDecay, 3 * apart));
  let w1 = w + stride, w2 = w1 + stride, w3 = w2 + stride;
  let g1 = g + stride, g2 = g1 + stride, g3 = g2 + stride;
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0;
  let j: u32 = 0;
  for (; cols - j >= 4; j += 4) {
    const c = v128.load(colDecay);
    const q0 = updateFour(w, g, f32x4.add(r0, c), step4, threshold4);
    const q1 = updateFour(w1, g1, f32x4.add(r1, c), step4, threshold4);
    const q2 = updateFour(w2, g2, f32x4.add(r2, c), step4, threshold4);
    const q3 = updateFour(w3, g3, f32x4.add(r3, c), step4, threshold4);
    s0 = f32x4.add(s0, q0);
    s1 = f32x4.add(s1, q1);
    s2 = f32x4.add(s2, q2);
    s3 = f32x4.add(s3, q3);
    v128.store(colSquares, f32x4.add(v128.load(colSquares), f32x4.add(f32x4.add(q0, q1), f32x4.add(q2, q3))));
    w += VECTOR, w1 += VECTOR, w2 += VECTOR, w3 += VECTOR;
    g += VECTOR, g1 += VECTOR, g2 += VECTOR, g3 += VECTOR;
    colDecay += VECTOR;
    colSquares += VECTOR;
  }
  setValue(rowSquares, 0, sumLanes(s0));
  setValue(rowSquares, apart, sumLanes(s1));
  setValue(rowSquares, 2 * apart, sumLanes(s2));
  setValue(rowSquares, 3 * apart, sumLanes(s3));
  for (; j < cols; j++) {
    const c = load<f32>(colDecay);
    for (let k: u32 = 0; k < 4; k++) {
      const row = stride * k;
      const q = updateOne(w + row, g + row, valueAt(rowDecay, k * apart) + c, step, threshold);
      addTo(rowSquares, k * apart, q);
      addTo(colSquares, 0, q);
    }
    w += FLOAT;
    g += FLOAT;
    colDecay += FLOAT;
    colSquares += FLOAT;
  }
}

function updateRow(
  w: usize, g: usize, cols: u32, rowDecay: f32, colDecay: usize,
  step: f32, threshold: f32, rowSquare: usize, colSquares: usize,
): void {
  const step4 = f32x4.splat(step);
  const threshold4 = f32x4.splat(threshold);
  const r = f32x4.splat(rowDecay);
  let s = f32x4.splat(0);
  let j: u32 = 0;
  for (; cols - j >= 4; j += 4) {
    const o = (<usize>j) << 2;
    const q = updateFour(w + o, g + o, f32x4.add(r, v128.load(colDecay + o)), step4, threshold4);
    s = f32x4.add(s, q);
    v128.store(colSquares + o, f32x4.add(v128.load(colSquares + o), q));
  }
  let square = sumLanes(s);
  for (; j < cols; j++) {
    const o = (<usize>j) << 2;
    const q = updateOne(w + o, g + o, rowDecay + load<f32>(colDecay + o), step, threshold);
    square += q;
    addTo(colSquares, j, q);
  }
  store<f32>(rowSquare, square);
}

/** w[i] <- w[i] - step * g[i] */
export function updatePlain(w: usize, g: usize, n: u32, step: f32): void {
  const step4 = f32x4.splat(step);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    const o = (<usize>i) << 2;
    v128.store(w + o, f32x4.sub(v128.load(w + o), f32x4.mul(step4, v128.load(g + o))));
  }
  for (; i < n; i++) {
    const o = (<usize>i) << 2;
    store<f32>(w + o, load<f32>(w + o) - step * load<f32>(g + o));
  }
}
