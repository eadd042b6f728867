// The direction of gradient descent with momentum.
import { FLOAT, VECTOR } from './lanes';

/** With h = scale * g[i]: v[i] <- momentum * v[i] + h, and g[i] <- v[i], or with `ahead` h + momentum * v[i]. */
export function momentum(g: usize, v: usize, n: u32, scale: f32, momentum: f32, ahead: bool): void {
  const scale4 = f32x4.splat(scale);
  const momentum4 = f32x4.splat(momentum);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    const h = f32x4.mul(scale4, v128.load(g));
    const newV = f32x4.add(f32x4.mul(momentum4, v128.load(v)), h);
    v128.store(v, newV);
    v128.store(g, ahead ? f32x4.add(h, f32x4.mul(momentum4, newV)) : newV);
    g += VECTOR;
    v += VECTOR;
  }
  for (; i < n; i++) {
    const h = scale * load<f32>(g);
    const newV = momentum * load<f32>(v) + h;
    store<f32>(v, newV);
    store<f32>(g, ahead ? h + momentum * newV : newV);
    g += FLOAT;
    v += FLOAT;
  }
}
