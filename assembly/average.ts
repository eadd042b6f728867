// Averages of weights over updates.
import { FLOAT, VECTOR } from './lanes';

/** a[i] <- a[i] + rate * (w[i] - a[i]) */
export function average(a: usize, w: usize, n: u32, rate: f32): void {
  const rate4 = f32x4.splat(rate);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    const old = v128.load(a);
    v128.store(a, f32x4.add(old, f32x4.mul(rate4, f32x4.sub(v128.load(w), old))));
    a += VECTOR;
    w += VECTOR;
  }
  for (; i < n; i++) {
    const old = load<f32>(a);
    store<f32>(a, old + rate * (load<f32>(w) - old));
    a += FLOAT;
    w += FLOAT;
  }
}
