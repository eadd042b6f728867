import { describe, expect, it } from 'vitest';
import { plainMatrix } from '../../test/support/plainMatrix.ts';
import { randomStream, uniform } from '../base/random.ts';
import { l1 } from './l1.ts';

const LAMBDA = 0.3;
const names = new Set(['weight', 'bias']);
const fresh = () => {
  const random = randomStream(1);
  return [
    plainMatrix('weight', [1, 6, 5], uniform(30, 1, random)),
    plainMatrix('bias', [4], Float32Array.of(-2, 0, 0.5, 1)),
  ];
};
const penaltyOf = (matrices: ReturnType<typeof fresh>) =>
  l1(names, LAMBDA, 0).beforeUpdate(matrices, { update: 0, gradientScale: 1 });

describe('l1', () => {
  it('has the value λ Σ |w|, whatever the scale of the gradient', () => {
    const expected = LAMBDA * fresh().reduce((sum, { weights }) => weights.reduce((s, w) => s + Math.abs(w), sum), 0);
    for (const gradientScale of [1, 1 / 20]) {
      const penalty = l1(names, LAMBDA, 0).beforeUpdate(fresh(), { update: 0, gradientScale });
      expect(penalty).toBeCloseTo(expected, 5);
    }
  });

  it('adds the gradient that finite differences of its value give, on the scale of the loss', () => {
    const gradientScale = 1 / 20;
    const matrices = fresh();
    for (const { gradient } of matrices) gradient.fill(3);
    l1(names, LAMBDA, 0).beforeUpdate(matrices, { update: 0, gradientScale });
    const h = 2 ** -10;
    for (const [m, { weights, gradient, name }] of matrices.entries()) {
      weights.forEach((w, i) => {
        const moved = [h, -h].map((by) => {
          const changed = fresh();
          changed[m]!.weights[i] = w + by;
          return penaltyOf(changed);
        });
        const slope = (moved[0]! - moved[1]!) / (2 * h);
        expect((gradient[i]! - 3) * gradientScale, `${name}[${i}]`).toBeCloseTo(slope, 3);
      });
    }
  });

  it('presses single weights only: rows and columns have no penalty', () => {
    const matrices = fresh();
    penaltyOf(matrices);
    for (const { rowPenalty, colPenalty } of matrices) {
      expect([...rowPenalty, ...colPenalty].every((p) => p === 0)).toBe(true);
    }
  });

  it('cuts at 2λ at least, and acts on the parameters that it is given', () => {
    expect(l1(names, 1e-3, 1e-4).threshold).toBe(2e-3);
    expect(l1(names, 1e-5, 1e-4).threshold).toBe(1e-4);
    expect(l1(names, LAMBDA, 0).parameters).toBe(names);
  });
});
