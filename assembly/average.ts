// Averages of weights over updates.
import { FLOAT, VECTOR } from './lanes';

/** a[i] <- a[i] + rate * (w[i] - a[i]), or 0 where w[i] = 0 */
export function average(a: usize, w: usize, n: u32, rate: f32): void {
  const rate4 = f32x4.splat(rate);
  const zero = f32x4.splat(0);
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    const x = v128.load(w);
    const old = v128.load(a);
    const next = f32x4.add(old, f32x4.mul(rate4, f32x4.sub(x, old)));
    v128.store(a, v128.andnot(next, f32x4.eq(x, zero)));
    a += VECTOR;
    w += VECTOR;
  }
  for (; i < n; i++) {
    const x = load<f32>(w);
    const old = load<f32>(a);
    store<f32>(a, x == 0 ? 0 : old + rate * (x - old));
    a += FLOAT;
    w += FLOAT;
  }
}
