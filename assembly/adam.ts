// Adam's direction, so that the update itself (update.ts) is the same for every optimizer.
import { FLOAT, VECTOR } from './lanes';

/**
 * With h = scale * g[i]: m[i] <- m[i] + (1 - beta1) * (h - m[i]), v[i] <- v[i] + (1 - beta2) * (h² - v[i]), and
 * g[i] <- (m[i] / unbias1) / (sqrt(v[i] / unbias2) + epsilon). The rests 1 - beta come ready made: 1 - f32(beta) is not
 * what was meant.
 */
export function adam(
  g: usize, m: usize, v: usize, n: u32,
  scale: f32, rest1: f32, rest2: f32, unbias1: f32, unbias2: f32, epsilon: f32,
): void {
  const scale4 = f32x4.splat(scale);
  const rest1s = f32x4.splat(rest1);
  const rest2s = f32x4.splat(rest2);
  const unbias1s = f32x4.splat(unbias1);
  const unbias2s = f32x4.splat(unbias2);
  const epsilon4 = f32x4.splat(epsilon);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    const h = f32x4.mul(scale4, v128.load(g));
    const oldM = v128.load(m);
    const oldV = v128.load(v);
    const newM = f32x4.add(oldM, f32x4.mul(rest1s, f32x4.sub(h, oldM)));
    const newV = f32x4.add(oldV, f32x4.mul(rest2s, f32x4.sub(f32x4.mul(h, h), oldV)));
    v128.store(m, newM);
    v128.store(v, newV);
    const root = f32x4.add(f32x4.sqrt(f32x4.div(newV, unbias2s)), epsilon4);
    v128.store(g, f32x4.div(f32x4.div(newM, unbias1s), root));
    g += VECTOR;
    m += VECTOR;
    v += VECTOR;
  }
  for (; i < n; i++) {
    const h = scale * load<f32>(g);
    const newM = load<f32>(m) + rest1 * (h - load<f32>(m));
    const newV = load<f32>(v) + rest2 * (h * h - load<f32>(v));
    store<f32>(m, newM);
    store<f32>(v, newV);
    store<f32>(g, newM / unbias1 / (sqrt<f32>(newV / unbias2) + epsilon));
    g += FLOAT;
    m += FLOAT;
    v += FLOAT;
  }
}
