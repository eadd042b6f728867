// Random numbers without a state: number i is a hash of i under two keys, and the keys are a hash of the 64-bit seed.
// So a result at index i depends on nothing but i and the seed, and neighbouring seeds have nothing in common.
import { FLOAT, VECTOR } from './lanes';

/** SplitMix64 (Steele, Lea, Flood 2014): a bijection, so different seeds give different keys. */
function keysOf(seedLo: u32, seedHi: u32): u64 {
  let z = ((<u64>seedHi << 32) | <u64>seedLo) + 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// @ts-ignore: decorator
@inline
function xorShift(h: v128, bits: i32): v128 {
  return v128.xor(h, i32x4.shr_u(h, bits));
}

/** Four numbers of [0, 1) in steps of 2^-24, from four indices: the integer hash triple32 (Wellons) with keys added. */
// @ts-ignore: decorator
@inline
function uniformFour(index: v128, key0: v128, key1: v128): v128 {
  let h = i32x4.add(index, key0);
  h = i32x4.mul(xorShift(h, 17), i32x4.splat(0xed5ad4bb));
  h = i32x4.add(xorShift(h, 11), key1);
  h = i32x4.mul(h, i32x4.splat(0xac4c1b51));
  h = i32x4.mul(xorShift(h, 15), i32x4.splat(0x31848bab));
  h = xorShift(h, 14);
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(h, 8)), f32x4.splat(1.0 / 16777216.0));
}

/** out[i] = uniform(from + i) < keep ? 1 / keep : 0 */
export function dropoutMask(out: usize, n: u32, keep: f32, seedLo: u32, seedHi: u32, from: u32): void {
  const keys = keysOf(seedLo, seedHi);
  const key0 = i32x4.splat(<i32>keys);
  const key1 = i32x4.splat(<i32>(keys >> 32));
  const keep4 = f32x4.splat(keep);
  const scale = f32x4.splat(1 / keep);
  let index = i32x4.add(i32x4.splat(from), i32x4(0, 1, 2, 3));
  let i: u32 = 0;
  for (; n - i >= 4; i += 4) {
    v128.store(out, v128.and(scale, f32x4.lt(uniformFour(index, key0, key1), keep4)));
    index = i32x4.add(index, i32x4.splat(4));
    out += VECTOR;
  }
  for (; i < n; i++) {
    const u = uniformFour(i32x4.splat(from + i), key0, key1);
    store<f32>(out, f32x4.extract_lane(v128.and(scale, f32x4.lt(u, keep4)), 0));
    out += FLOAT;
  }
}
