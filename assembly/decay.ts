// Weights added to gradients, in passes of their own for optimizers whose step is not the scaled gradient.
import { FLOAT, valueAt, VECTOR } from './lanes';

/** g[i,j] <- g[i,j] + w[i,j] * (rowDecay[i] + colDecay[j]) */
export function addDecay(w: usize, g: usize, rows: u32, cols: u32, rowDecay: usize, colDecay: usize): void {
  for (let i: u32 = 0; i < rows; i++) {
    const r = valueAt(rowDecay, i);
    const r4 = f32x4.splat(r);
    let c = colDecay;
    let j: u32 = 0;
    for (; cols - j >= 4; j += 4) {
      const decay = f32x4.add(r4, v128.load(c));
      v128.store(g, f32x4.add(v128.load(g), f32x4.mul(v128.load(w), decay)));
      w += VECTOR;
      g += VECTOR;
      c += VECTOR;
    }
    for (; j < cols; j++) {
      store<f32>(g, load<f32>(g) + load<f32>(w) * (r + load<f32>(c)));
      w += FLOAT;
      g += FLOAT;
      c += FLOAT;
    }
  }
}

/** g[i] <- scale * g[i] + decay * w[i] */
export function addWeights(w: usize, g: usize, n: u32, scale: f32, decay: f32): void {
  const scale4 = f32x4.splat(scale);
  const decay4 = f32x4.splat(decay);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    v128.store(g, f32x4.add(f32x4.mul(scale4, v128.load(g)), f32x4.mul(decay4, v128.load(w))));
    w += VECTOR;
    g += VECTOR;
  }
  for (; i < n; i++) {
    store<f32>(g, scale * load<f32>(g) + decay * load<f32>(w));
    w += FLOAT;
    g += FLOAT;
  }
}
