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
 *   a ← a + (1 − min(β, (1 + t) / (10 + t))) · (w − a),  and a ← 0 where w = 0,
 * so that the first weights, which are random, are soon forgotten (TensorFlow's ExponentialMovingAverage with
 * num_updates). Without the zeros a unit that died would go on in the average for thousands of updates, and could not be
 * sliced away without changing what is scored. An average that the optimizer keeps itself goes before this one.
 * Without a decay β the optimizer as it is.
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
