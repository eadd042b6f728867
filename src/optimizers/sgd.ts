import { optimizerKind } from './kind.ts';
import type { Optimizer } from './optimizer.ts';
import { averageField, withAverage } from './withAverage.ts';
import { weightDecayField, withDecay } from './withDecay.ts';

/** Weights below this are 0 in the paper on ISS, whose optimizer is plain gradient descent (Wen et al. 2018). */
export const SGD_THRESHOLD = 1e-4;

/** Plain gradient descent: w ← w − η · g. Its direction is the scaled gradient, and it remembers nothing. */
export function sgd(): Optimizer {
  return { name: 'sgd', slots: [], nodes: { numbers: {} } };
}

/** Plain gradient descent with its fields. */
export const sgdKind = optimizerKind({
  name: 'sgd',
  about: 'plain gradient descent',
  fields: { ...weightDecayField, ...averageField },
  defaults: { weightDecay: 0 },
  usualRate: 0.1,
  usualThreshold: () => SGD_THRESHOLD,
  create: ({ weightDecay, ema }) => withAverage(withDecay(sgd(), weightDecay), ema),
});
