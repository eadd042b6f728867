import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../graph/dims.ts';
import type { Tensor } from '../graph/types.ts';
import { LARGEST_7_BIT, LARGEST_8_BIT, quantizeSymmetric } from './symmetric.ts';

const tensors = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    data: fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: sizeOf(dims), maxLength: sizeOf(dims) })
      .map((values) => Float32Array.from(values)),
    shared: fc.subarray(dims.map((_, axis) => axis)),
  }),
);

describe('quantizeSymmetric', () => {
  it('moves no element by more than half a step, whatever the shape and the size of the numbers', () => {
    const largest = fc.constantFrom(LARGEST_7_BIT, LARGEST_8_BIT);
    fc.assert(
      fc.property(tensors, largest, ({ dims, data, shared }, most) => {
        const found = quantizeSymmetric({ elementType: 'float32', dims, data }, shared, most);
        if (found === undefined) {
          expect(shared.every((axis) => dims[axis] === 1)).toBe(true);
          return;
        }
        const { values, scales } = found;
        expect(scales.dims).toEqual(dims.map((size, axis) => (shared.includes(axis) ? 1 : size)));
        for (const [i, place] of places(dims, scales.dims).entries()) {
          const [value, scale] = [values.data[i] as number, scales.data[place] as number];
          expect(Math.abs(value)).toBeLessThanOrEqual(most);
          // The scale is rounded to float32 itself.
          expect(Math.abs(value * scale - data[i]!)).toBeLessThanOrEqual(scale * (0.5 + most * 2 ** -23));
        }
      }),
    );
  });

  it('gives each channel a scale of its own, and one of zeros the scale 1', () => {
    const matrix: Tensor = { elementType: 'float32', dims: [3, 2], data: Float32Array.of(1, -2, 0, 0, 127, 1) };
    const { values, scales } = quantizeSymmetric(matrix, [1])!;
    expect(scales.dims).toEqual([3, 1]);
    expect([...(scales.data as Float32Array)]).toEqual([Math.fround(2 / 127), 1, 1]);
    expect([...(values.data as Int8Array)]).toEqual([64, -127, 0, 0, 127, 1]);
  });

  it('has nothing to gain where each element would have a scale', () => {
    expect(quantizeSymmetric({ elementType: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) }, [1])).toBe(
      undefined,
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('has no numbers for a tensor with %s', (odd) => {
    expect(quantizeSymmetric({ elementType: 'float32', dims: [2], data: Float32Array.of(1, odd) }, [0])).toBe(
      undefined,
    );
  });
});

/** The flat index of each element's scale, counted out axis by axis. */
function places(dims: readonly number[], channelDims: readonly number[]): number[] {
  return Array.from({ length: sizeOf(dims) }, (_, flat) => {
    let [rest, place, stride] = [flat, 0, 1];
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      if (channelDims[axis] !== 1) place += (rest % dims[axis]!) * stride;
      stride *= channelDims[axis]!;
      rest = Math.floor(rest / dims[axis]!);
    }
    return place;
  });
}
