import { z } from 'zod';
import { equal, where } from '../graph/ops.ts';
import { averageNode } from './averageNode.ts';
import { type FieldValues, optimizerKind } from './kind.ts';
import type { Optimizer, OptimizerState } from './optimizer.ts';
import { SGD_THRESHOLD, sgd } from './sgd.ts';
import { averageField, withAverage } from './withAverage.ts';
import { weightDecayField, withDecay } from './withDecay.ts';

/** Averaging has begun, and no update has been averaged yet. */
const NONE_YET = -1;

const fields = {
  nonMonotone: z.int().positive().describe('epochs that may pass without a better score before averaging begins'),
  averageFrom: z
    .number()
    .gt(0)
    .lte(1)
    .optional()
    .describe('share of the epochs after which averaging begins at the latest'),
};

type AsgdFields = FieldValues<typeof fields>;

/**
 * Averaged gradient descent with a non-monotone trigger (NT-ASGD: Merity et al. 2018, algorithm 1). The steps are those
 * of plain gradient descent. After an epoch t whose score s_t is worse than the best one before the last n,
 *   s_t > min(s_0, …, s_{t−n−1}),
 * averaging begins: the k-th update from then on does a ← a + (w − a) / k, and a is what is scored and saved.
 * It begins in any case once the share `averageFrom` of the run is done, and before its last epoch, as a run may end before
 * its scores get worse. Without that share, and without scores, averaging never begins; nor does it in a run of one epoch.
 */
export function asgd({ nonMonotone, averageFrom }: AsgdFields, state: OptimizerState = {}): Optimizer {
  const scores = Array.isArray(state.scores) ? [...state.scores] : [];
  /** The first update that is averaged; undefined before averaging has begun. */
  let first = state.first === undefined ? undefined : Number(state.first);
  /** Share of the weights in the average after this update; undefined before averaging has begun. */
  const shareAt = (update: number): number | undefined => {
    if (first === undefined) return undefined;
    if (first === NONE_YET) first = update;
    return 1 / (update - first + 1);
  };
  return {
    ...sgd(),
    name: 'asgd',
    slots: [{ name: 'average', start: 'weights' }],
    afterUpdate(kernels, { weights, slots }, { update }) {
      const share = shareAt(update);
      if (share === undefined) return;
      const { offset, data } = slots.average!;
      if (share === 1) data.set(weights.data);
      else kernels.average(offset, weights.offset, data.length, share);
    },
    nodes: {
      numbers: { share: ({ update }) => shareAt(update) ?? 0 },
      afterUpdate({ weights, slots }, number) {
        const [before, share] = [slots.average!, number('share')];
        return { average: where(equal(share, 0), before, averageNode(before, weights, share)) };
      },
    },
    evaluated: () => (first === undefined || first === NONE_YET ? undefined : 'average'),
    afterEpoch(score, share, left) {
      if (first !== undefined) return;
      if (averageFrom !== undefined && (share >= averageFrom || left === 1)) first = NONE_YET;
      if (score === undefined || !Number.isFinite(score)) return;
      const earlier = scores.slice(0, Math.max(0, scores.length - nonMonotone));
      if (score > Math.min(...earlier)) first = NONE_YET;
      scores.push(score);
    },
    state: () => ({ scores: [...scores], ...(first === undefined ? {} : { first }) }),
  };
}

/** Averaged gradient descent with its fields. */
export const asgdKind = optimizerKind({
  name: 'asgd',
  about: 'gradient descent whose weights are averaged once the score stops falling (NT-ASGD)',
  fields: { ...fields, ...weightDecayField, ...averageField },
  defaults: { nonMonotone: 5, averageFrom: 0.6, weightDecay: 0 },
  needsScores: true,
  usualRate: 0.1,
  usualThreshold: () => SGD_THRESHOLD,
  create: ({ weightDecay, ema, ...rest }, state) => withAverage(withDecay(asgd(rest, state), weightDecay), ema),
});
