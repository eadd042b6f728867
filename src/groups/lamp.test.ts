import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lampScores } from './lamp.ts';

describe('lampScores', () => {
  it('is the square as a share of its own and all larger ones', () => {
    const scores = lampScores([[0, 2, 3], [1]], Float64Array.of(1, 7, 3, 2));
    expect([...scores]).toEqual([1 / 14, 1, 1, 4 / 13]);
  });

  it('puts what is expected to vanish last, the most certain at the very end', () => {
    expect([...lampScores([[0, 1, 2, 3]], Float64Array.of(-2, 0, 3, -1))]).toEqual([-2, 0, 1, -1]);
  });

  const norm = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  const layer = fc.array(norm, { minLength: 1, maxLength: 20 });

  it('keeps the order within a layer, and does not ask on what scale a layer is', () => {
    fc.assert(
      fc.property(layer, layer, fc.integer({ min: -6, max: 6 }), (one, two, power) => {
        const layers = [one.map((_, k) => k), two.map((_, k) => one.length + k)];
        const scores = lampScores(layers, Float64Array.from([...one, ...two]));
        const scaled = lampScores(layers, Float64Array.from([...one, ...two.map((v) => v * 2 ** power)]));
        expect(scaled).toEqual(scores);
        const order = (values: readonly number[]) =>
          [...values.keys()].sort((i, j) => values[j]! - values[i]! || i - j);
        expect(order([...scores.slice(0, one.length)])).toEqual(order(one));
      }),
    );
  });
});
