import { expect, it } from 'vitest';
import { begin, descend, expectToFollow, quadratic } from '../../test/support/descent.ts';
import { adam, adamDefaults, adamw } from './adam.ts';

/** Algorithm 1 of Kingma and Ba (2015), with algorithm 2 of Loshchilov and Hutter (2019) for a decay. */
const ruleOf =
  (rate: number, decay: number, [beta1, beta2, epsilon]: readonly [number, number, number]) =>
  () => {
    let [m, v] = [0, 0];
    return (w: number, g: number, update: number) => {
      const t = update + 1;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      const [mHat, vHat] = [m / (1 - beta1 ** t), v / (1 - beta2 ** t)];
      return w - rate * (mHat / (Math.sqrt(vHat) + epsilon) + decay * w);
    };
  };

it('follows the equations of Adam with the constants of the paper', () => {
  expectToFollow(adam(adamDefaults), ruleOf(1e-3, 0, [0.9, 0.999, 1e-8]), 50, { rate: 1e-3, scale: 0.25 });
});

it('follows them with others', () => {
  const constants = { beta1: 0.5, beta2: 0.9, epsilon: 1e-3 };
  expectToFollow(adam(constants), ruleOf(0.01, 0, [0.5, 0.9, 1e-3]), 50, { rate: 0.01 });
});

it('follows the equations of AdamW: the decay is outside of the moments', () => {
  expectToFollow(adamw(0.2, adamDefaults), ruleOf(1e-3, 0.2, [0.9, 0.999, 1e-8]), 50, { rate: 1e-3, scale: 0.25 });
});

it('shrinks weights without gradient by η δ in AdamW', () => {
  const flat = { ...quadratic, curvature: quadratic.curvature.map(() => 0) };
  const descent = descend(begin(adamw(0.5, adamDefaults), flat), [0, 3], { rate: 0.5 });
  descent.parameter.weights.data.forEach((w, i) => {
    expect(w / flat.start[i]!).toBeCloseTo(0.75 ** 3, 6);
  });
});
