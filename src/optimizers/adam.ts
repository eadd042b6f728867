import { z } from 'zod';
import { add, div, mul, sqrt } from '../graph/ops.ts';
import { type FieldValues, optimizerKind } from './kind.ts';
import type { Optimizer } from './optimizer.ts';
import { averageField, withAverage } from './withAverage.ts';
import { weightDecayField, withDecay } from './withDecay.ts';

/** The constants of Adam, and of what is made from it. */
const fields = {
  beta1: z.number().gte(0).lt(1).describe('β₁: share of the mean of gradients that is left at each update'),
  beta2: z.number().gte(0).lt(1).describe('β₂: share of the mean of their squares that is left at each update'),
  epsilon: z.number().positive().describe('ε: added to the root of that mean'),
};

/**
 * Adam (Kingma and Ba 2015, algorithm 1), at update t from 1:
 *   m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  d = m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε).
 * The penalty's gradient is part of what m and v average. Places that are reset late keep the t of all others: their
 * first steps are up to 6.6 times the learning rate, after a dozen updates, and then as those of others.
 */
export function adam(constants: FieldValues<typeof fields>): Optimizer {
  return {
    name: 'adam',
    slots: [
      { name: 'mean', start: 'zeros' },
      { name: 'square', start: 'zeros' },
    ],
    direction(kernels, { gradient, slots }, { update, scale }) {
      const moments = { mean: slots.mean!.offset, square: slots.square!.offset };
      const operands = { gradient: gradient.offset, ...moments, length: gradient.data.length };
      kernels.adam({ ...operands, ...constants, gradientScale: scale, update: update + 1 });
    },
    nodes: {
      numbers: {
        unbias1: ({ update }) => 1 - constants.beta1 ** (update + 1),
        unbias2: ({ update }) => 1 - constants.beta2 ** (update + 1),
      },
      direction({ gradient, slots }, number) {
        const { beta1, beta2, epsilon } = constants;
        const mean = add(mul(slots.mean!, beta1), mul(gradient, 1 - beta1));
        const square = add(mul(slots.square!, beta2), mul(mul(gradient, gradient), 1 - beta2));
        const root = add(sqrt(div(square, number('unbias2'))), epsilon);
        return { direction: div(div(mean, number('unbias1')), root), slots: { mean, square } };
      },
    },
  };
}

/** The constants that the paper recommends. */
export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** Adam with its fields. */
export const adamKind = optimizerKind({
  name: 'adam',
  about: 'Adam: each weight moves by about the learning rate',
  fields: { ...fields, ...averageField },
  defaults: adamDefaults,
  rateOf: 'move',
  usualRate: 1e-3,
  // Adam moves a weight by about the learning rate whatever the size of its gradient: what one step could undo is 0.
  usualThreshold: (rate) => rate,
  create: ({ ema, ...constants }) => withAverage(adam(constants), ema),
});

/** AdamW (Loshchilov and Hutter 2019, algorithm 2) is Adam with decoupled weight decay: d = m̂ / (√v̂ + ε) + δ · w. */
export function adamw(weightDecay: number, constants: FieldValues<typeof fields>): Optimizer {
  return { ...withDecay(adam(constants), weightDecay), name: 'adamw' };
}

/** AdamW with its fields. */
export const adamwKind = optimizerKind({
  ...adamKind,
  name: 'adamw',
  about: 'Adam with decoupled weight decay',
  fields: { ...fields, ...weightDecayField, ...averageField },
  defaults: { ...adamDefaults, weightDecay: 0.01 },
  create: ({ weightDecay, ema, ...constants }) => withAverage(adamw(weightDecay, constants), ema),
});
