import { expect, it } from 'vitest';
import { begin, descend, expectToFollow, quadratic } from '../../test/support/descent.ts';
import { sgd, sgdKind } from './sgd.ts';

it('follows its equation: w ← w − η g', () => {
  expectToFollow(sgd(), () => (w, g) => w - 0.1 * g, 20, { rate: 0.1, scale: 0.25 });
});

it('shrinks weights by a decay, as an ℓ2 penalty would', () => {
  const rule = () => (w: number, g: number) => w - 0.1 * (g + 0.3 * w);
  expectToFollow(sgdKind.create({ weightDecay: 0.3 }), rule, 20, { rate: 0.1, scale: 0.25 });
});

it('has no direction of its own without a decay, so that the step is one pass', () => {
  expect(sgdKind.create(sgdKind.defaults).direction).toBeUndefined();
  const descent = descend(begin(sgd(), quadratic), [0, 1], { rate: 0.5, scale: 2 });
  const { curvature, target, start } = quadratic;
  expect([...descent.parameter.gradient.data]).toEqual(
    curvature.map((c, i) => Math.fround(c * (start[i]! - target[i]!))),
  );
});
