import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { magnitudeBelow } from './magnitude.ts';

const values = fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1)), {
  minLength: 1,
  maxLength: 60,
});

describe('magnitudeBelow', () => {
  it('is what sorting the magnitudes gives', () => {
    fc.assert(
      fc.property(values, fc.nat(70), (list, count) => {
        const sorted = Float32Array.from(list, Math.abs).sort();
        const expected = count < sorted.length ? sorted[count] : Number.POSITIVE_INFINITY;
        expect(magnitudeBelow(Float32Array.from(list), count)).toBe(expected);
      }),
    );
  });

  it('reads a part of a larger buffer', () => {
    const all = Float32Array.from([9, 9, 3, -1, 2, 9]);
    expect(magnitudeBelow(all.subarray(2, 5), 1)).toBe(2);
  });
});
