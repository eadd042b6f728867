import { z } from 'zod';
import type { Optimizer } from './optimizer.ts';

/** The field of all kinds that asks for the average. */
export const averageField = {
  ema: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('β: score and save a moving average of the weights that decays by it'),
};

const SLOT = 'movingAverage';

/**
 * Any optimizer with a moving average of the weights (EMA), which is scored and saved in their place. After update t:
 *   a ← a + (1 − min(β, (1 + t) / (10 + t))) · (w − a),  and a ← 0 where w = 0.
 * The minimum makes it forget the first, random weights soon (TensorFlow's ExponentialMovingAverage, num_updates). With
 * the zeros a unit that died is dead in the average too: else it could not leave without changing what is scored.
 * An average that the optimizer keeps itself is scored instead of this one. Without β: the optimizer as it is.
 */
export function withAverage(optimizer: Optimizer, decay: number | undefined): Optimizer {
  if (decay === undefined) return optimizer;
  return {
    ...optimizer,
    slots: [...optimizer.slots, { name: SLOT, start: 'weights' }],
    afterUpdate(kernels, parameter, moment) {
      optimizer.afterUpdate?.(kernels, parameter, moment);
      const { weights, slots } = parameter;
      const rate = 1 - Math.min(decay, (1 + moment.update) / (10 + moment.update));
      kernels.average(slots[SLOT]!.offset, weights.offset, weights.data.length, rate);
    },
    evaluated: () => optimizer.evaluated?.() ?? SLOT,
  };
}
