import { type AdamConstants, adam, adamDefaults, adamFields, thresholdOfAdam } from './adam.ts';
import { optimizerKind } from './kind.ts';
import type { Optimizer } from './optimizer.ts';
import { averageField, withAverage } from './withAverage.ts';
import { weightDecayField, withDecay } from './withDecay.ts';

/** AdamW (Loshchilov and Hutter 2019, algorithm 2) is Adam with decoupled weight decay: d = m̂ / (√v̂ + ε) + δ · w. */
export function adamw(weightDecay: number, constants: AdamConstants): Optimizer {
  return { ...withDecay(adam(constants), weightDecay), name: 'adamw' };
}

/** AdamW with its fields. */
export const adamwKind = optimizerKind({
  name: 'adamw',
  about: 'Adam with decoupled weight decay',
  fields: { ...adamFields, ...weightDecayField, ...averageField },
  defaults: { ...adamDefaults, weightDecay: 0.01 },
  usualRate: 1e-3,
  usualThreshold: thresholdOfAdam,
  create: ({ weightDecay, ema, ...constants }) => withAverage(adamw(weightDecay, constants), ema),
});
