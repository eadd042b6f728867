import { describe, expect, test } from 'vitest';
import { instantiateKernels } from './kernels.ts';

const memory = new WebAssembly.Memory({ initial: 40 });
const kernels = instantiateKernels(memory);
const floats = new Float32Array(memory.buffer);
const f = Math.fround;

/** Places arrays one after another, `shift` floats from a multiple of 16 bytes, with a guard value after each. */
function place(shift: number, ...arrays: ArrayLike<number>[]): { offsets: number[]; guardsIntact: () => boolean } {
  const guards: number[] = [];
  let next = shift;
  const offsets = arrays.map((values) => {
    const start = next;
    floats.set(values, start);
    next = start + values.length + 1;
    guards.push(next - 1);
    floats[next - 1] = 12345;
    return start * 4;
  });
  return { offsets, guardsIntact: () => guards.every((index) => floats[index] === 12345) };
}

function view(offset: number, length: number): Float32Array {
  return floats.slice(offset / 4, offset / 4 + length);
}

describe('random numbers', () => {
  function mask(length: number, keep: number, seedLo: number, seedHi = 0): Float32Array {
    const { offsets, guardsIntact } = place(1, new Float32Array(length).fill(7));
    kernels.dropoutMask(offsets[0]!, length, keep, seedLo, seedHi);
    expect(guardsIntact()).toBe(true);
    return view(offsets[0]!, length);
  }

  test.each([0.05, 0.35, 0.5, 0.6, 0.9, 0.999])('dropoutMask keeps %d within 5 sigma', (keep) => {
    const length = 200_000;
    for (const seed of [0, 1, 0xffffffff]) {
      const values = mask(length, keep, seed, 9);
      const kept = values.filter((x) => x !== 0);
      expect(new Set(kept)).toEqual(new Set([f(1 / f(keep))]));
      expect(Math.abs(kept.length - length * keep)).toBeLessThan(5 * Math.sqrt(length * keep * (1 - keep)));
    }
  });

  test('keep 1 keeps everything', () => {
    expect(new Set(mask(1003, 1, 4))).toEqual(new Set([1]));
  });

  test('element i does not depend on the length', () => {
    const longest = mask(41, 0.5, 11);
    for (let length = 0; length <= 40; length++) {
      expect(mask(length, 0.5, 11)).toEqual(longest.slice(0, length));
    }
  });

  test('a part of a mask is that of the whole', () => {
    const whole = mask(41, 0.5, 11);
    for (const [from, length] of [
      [0, 7],
      [3, 10],
      [17, 24],
      [40, 1],
    ] as const) {
      const { offsets } = place(1, new Float32Array(length));
      kernels.dropoutMask(offsets[0]!, length, 0.5, 11, 0, from);
      expect(view(offsets[0]!, length)).toEqual(whole.slice(from, from + length));
    }
  });

  test('equal seeds give equal masks; neighbouring seeds agree no more than chance', () => {
    const length = 100_000;
    const first = mask(length, 0.5, 20, 3);
    expect(mask(length, 0.5, 20, 3)).toEqual(first);
    for (const [lo, hi] of [
      [21, 3],
      [20, 4],
      [20, 2],
      [3, 20],
    ] as const) {
      const other = mask(length, 0.5, lo, hi);
      const agreeing = first.filter((x, i) => x === other[i]).length;
      expect(Math.abs(agreeing - length / 2)).toBeLessThan(5 * Math.sqrt(length / 4));
    }
  });

  test('neighbouring elements are uncorrelated', () => {
    const length = 100_000;
    const values = mask(length, 0.5, 77).map((x) => x - 1);
    for (const lag of [1, 2, 3, 4, 5, 8, 16, 64, 1000]) {
      // The product of two numbers that are -1 or 1 with equal chance has mean 0 and standard deviation 1.
      let sum = 0;
      for (let i = lag; i < length; i++) sum += values[i]! * values[i - lag]!;
      expect(Math.abs(sum)).toBeLessThan(5 * Math.sqrt(length - lag));
    }
  });

  test('bad arguments are refused', () => {
    for (const keep of [0, -1, 1.01, Number.NaN]) {
      expect(() => kernels.dropoutMask(0, 4, keep, 0, 0)).toThrow(/keep must be in \(0, 1\]/);
    }
  });
});
