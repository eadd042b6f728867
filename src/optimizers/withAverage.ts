import { z } from 'zod';
import { averageNode } from './averageNode.ts';
import type { Optimizer, OptimizerNodes } from './optimizer.ts';

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
 *   a ← a + (1 − min(β, (1 + t) / (10 + t))) · (w − a).
 * The minimum makes it forget the first, random weights soon (TensorFlow's ExponentialMovingAverage, num_updates).
 * An average that the optimizer keeps itself is scored instead of this one. Without β: the optimizer as it is.
 */
export function withAverage(optimizer: Optimizer, decay: number | undefined): Optimizer {
  if (decay === undefined) return optimizer;
  const rateAt = (update: number) => 1 - Math.min(decay, (1 + update) / (10 + update));
  return {
    ...optimizer,
    slots: [...optimizer.slots, { name: SLOT, start: 'weights' }],
    afterUpdate(kernels, parameter, moment) {
      optimizer.afterUpdate?.(kernels, parameter, moment);
      const { weights, slots } = parameter;
      kernels.average(slots[SLOT]!.offset, weights.offset, weights.data.length, rateAt(moment.update));
    },
    nodes: optimizer.nodes && nodesWithAverage(optimizer.nodes, rateAt),
    evaluated: () => optimizer.evaluated?.() ?? SLOT,
  };
}

function nodesWithAverage(nodes: OptimizerNodes, rateAt: (update: number) => number): OptimizerNodes {
  return {
    ...nodes,
    numbers: { ...nodes.numbers, [SLOT]: ({ update }) => rateAt(update) },
    afterUpdate(parameter, number) {
      const { weights, slots } = parameter;
      const others = nodes.afterUpdate?.(parameter, number);
      return { ...others, [SLOT]: averageNode(slots[SLOT]!, weights, number(SLOT)) };
    },
  };
}
