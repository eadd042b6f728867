import { z } from 'zod';
import { add, mul } from '../graph/ops.ts';
import { type FieldValues, optimizerKind } from './kind.ts';
import type { Optimizer } from './optimizer.ts';
import { SGD_THRESHOLD } from './sgd.ts';
import { averageField, withAverage } from './withAverage.ts';
import { weightDecayField, withDecay } from './withDecay.ts';

const fields = {
  momentum: z.number().gte(0).lt(1).describe('μ: share of the velocity that is left at each update'),
  nesterov: z.boolean().describe('look one update ahead (Nesterov)'),
};

/**
 * Gradient descent with momentum (Sutskever et al. 2013, with the learning rate outside of the velocity):
 *   v ← μ v + g,  d = v,  or with Nesterov's look ahead d = g + μ v.
 */
export function momentum({ momentum, nesterov }: FieldValues<typeof fields>): Optimizer {
  return {
    name: 'momentum',
    slots: [{ name: 'velocity', start: 'zeros' }],
    direction(kernels, { gradient, slots }, { scale }) {
      const operands = { gradient: gradient.offset, velocity: slots.velocity!.offset, length: gradient.data.length };
      kernels.momentum({ ...operands, gradientScale: scale, momentum, nesterov });
    },
    nodes: {
      numbers: {},
      direction({ gradient, slots }) {
        const velocity = add(mul(slots.velocity!, momentum), gradient);
        return { direction: nesterov ? add(gradient, mul(velocity, momentum)) : velocity, slots: { velocity } };
      },
    },
  };
}

/** Momentum with its fields. */
export const momentumKind = optimizerKind({
  name: 'momentum',
  about: 'gradient descent with momentum',
  fields: { ...fields, ...weightDecayField, ...averageField },
  defaults: { momentum: 0.9, nesterov: false, weightDecay: 0 },
  rateOf: 'sum',
  usualRate: 0.01,
  usualThreshold: () => SGD_THRESHOLD,
  create: ({ weightDecay, ema, ...constants }) => withAverage(withDecay(momentum(constants), weightDecay), ema),
});
