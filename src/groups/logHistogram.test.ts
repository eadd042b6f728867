import fc from 'fast-check';
import { expect, test } from 'vitest';
import { binStart, logHistogram } from './logHistogram.ts';

test('zeros stand apart, and every other value is between the edges of its bin', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (values) => {
      const { zeros, from, counts } = logHistogram(values);
      expect(zeros).toBe(values.filter((v) => v === 0).length);
      const above = (edge: number) => values.filter((v) => v >= edge).length;
      counts.forEach((count, i) => {
        const lowest = from + i === -120;
        const low = lowest ? Number.MIN_VALUE : binStart(from + i);
        expect(count).toBe(above(low) - above(binStart(from + i + 1)));
      });
      expect(counts.reduce((a, b) => a + b, 0) + zeros).toBe(values.length);
    }),
  );
});

test('powers of ten begin a bin', () => {
  for (let power = -12; power <= 12; power++) {
    expect(logHistogram([10 ** power])).toEqual({ zeros: 0, from: power * 10, counts: [1] });
  }
});

test('what has no place: tiny values in the first bin, infinity and NaN nowhere', () => {
  expect(logHistogram([1e-300, 1e-13])).toEqual({ zeros: 0, from: -120, counts: [2] });
  expect(logHistogram([Number.NaN, Number.POSITIVE_INFINITY, 0])).toEqual({ zeros: 1, from: 0, counts: [] });
});
