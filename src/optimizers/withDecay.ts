import { z } from 'zod';
import { add, mul } from '../graph/ops.ts';
import type { Optimizer, OptimizerNodes } from './optimizer.ts';

/** The field of kinds that take a weight decay. */
export const weightDecayField = {
  weightDecay: z.number().nonnegative().describe('δ: weights shrink by the learning rate times this at every update'),
};

/**
 * Any optimizer with decoupled weight decay (Loshchilov and Hutter 2019): d ← d + δ · w, after clipping and outside of
 * what the optimizer remembers. For plain gradient descent this is the usual ℓ2 penalty.
 */
export function withDecay(optimizer: Optimizer, decay: number): Optimizer {
  if (decay === 0) return optimizer;
  return {
    ...optimizer,
    isDescent: optimizer.isDescent ?? optimizer.direction === undefined,
    direction(kernels, parameter, moment) {
      optimizer.direction?.(kernels, parameter, moment);
      const scale = optimizer.direction ? 1 : moment.scale;
      const { weights, gradient } = parameter;
      kernels.addWeights(weights.offset, gradient.offset, weights.data.length, scale, decay);
    },
    nodes: optimizer.nodes && nodesWithDecay(optimizer.nodes, decay),
  };
}

function nodesWithDecay(nodes: OptimizerNodes, decay: number): OptimizerNodes {
  return {
    ...nodes,
    direction(parameter, number) {
      const { direction, slots } = nodes.direction?.(parameter, number) ?? { direction: parameter.gradient, slots: {} };
      return { direction: add(direction, mul(parameter.weights, decay)), slots };
    },
  };
}
