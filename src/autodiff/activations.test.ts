import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { distinct } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { apply, mul } from '../graph/ops.ts';
import { activationGradients } from './activations.ts';

const x = distinct([3, 4]);

const cases: GradientCase[] = [
  ...'Elu Celu Selu HardSigmoid Softsign Clip Erf Sin Cos'
    .split(' ')
    .map((op) => gradientCase(op, 'default', { x }, (v) => apply(op, [v.x]))),
  // Values on both sides of the kinks: 3 and -3, 1 and 2.5, 0 and 1.
  gradientCase('HardSwish', 'beyond both kinks', { x }, (v) => apply('HardSwish', [mul(v.x, 4.1)])),
  gradientCase('HardSigmoid', 'beyond both kinks', { x }, (v) => apply('HardSigmoid', [mul(v.x, 4.1)])),
  gradientCase('HardSigmoid', 'attributes', { x }, (v) =>
    apply('HardSigmoid', [v.x], { alpha: float(0.6), beta: float(0.35) }),
  ),
  gradientCase('ThresholdedRelu', 'default', { x }, (v) => apply('ThresholdedRelu', [mul(v.x, 1.8)])),
  gradientCase('ThresholdedRelu', 'alpha', { x }, (v) => apply('ThresholdedRelu', [v.x], { alpha: float(0.47) })),
  gradientCase('Elu', 'alpha', { x }, (v) => apply('Elu', [v.x], { alpha: float(0.4) })),
  gradientCase('Celu', 'alpha', { x }, (v) => apply('Celu', [v.x], { alpha: float(0.4) })),
  gradientCase('Selu', 'attributes', { x }, (v) => apply('Selu', [v.x], { alpha: float(1.2), gamma: float(1.1) })),
  gradientCase('Clip', 'both limits', { x }, (v) => apply('Clip', [v.x, -0.47, 0.47])),
  gradientCase('Clip', 'upper limit', { x }, (v) => apply('Clip', [v.x, undefined, 0.47])),
  gradientCase('PRelu', 'a slope for each column', { x, slope: distinct([4], 1) }, (v) =>
    apply('PRelu', [v.x, v.slope]),
  ),
  gradientCase('PRelu', 'one slope', { x, slope: distinct([1], 1) }, (v) => apply('PRelu', [v.x, v.slope])),
];

describe('gradients of activations', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(activationGradients)));
  });
});
