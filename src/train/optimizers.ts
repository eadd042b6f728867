import type { Buffer32 } from '../kernels/memory.ts';
import { DivergedError, type TrainedWeights, type UpdateOptions, updateWeights } from './update.ts';

/** The optimizers by the names that the command line gives them. */
export const optimizerNames = ['sgd', 'adam'] as const;

/** Name of an optimizer. */
export type OptimizerName = (typeof optimizerNames)[number];

/** Running means that Adam keeps of a parameter's gradient and of its square. */
export interface Moments {
  readonly mean: Buffer32;
  readonly square: Buffer32;
}

/** Constants of Adam as its paper recommends them. */
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** What determines an update besides the gradient, which is that of the loss itself. */
export type OptimizerStep = Omit<UpdateOptions, 'batch'>;

/**
 * Plain gradient descent with one clip over everything, then the threshold (`updateWeights`):
 *   g ← ∂L/∂w + ∂R/∂w,  w ← hard(w − η · min(1, c/‖g‖) · g, τ).
 */
export function sgd(trained: TrainedWeights, loss: number, step: OptimizerStep) {
  return updateWeights(trained, new Int32Array(0), loss, { ...step, batch: 1 });
}

/**
 * Adam (Kingma and Ba 2015) on the same clipped gradient, the penalty's sub-gradient included, then the threshold:
 *   g ← min(1, c/‖g‖) · (∂L/∂w + ∂R/∂w),  w ← hard(w − η · m̂ / (√v̂ + ε), τ).
 * The penalty is part of what m and v average, as for SGD: where the loss does not care for a weight, the penalty alone
 * sets its direction. Throws DivergedError on NaN or infinity, before any weight has changed.
 */
export function adam(
  { kernels, parameters, matrices }: TrainedWeights,
  moments: ReadonlyMap<string, Moments>,
  loss: number,
  { rate, clip, sparsity, update }: OptimizerStep,
): { penalty: number; gradientNorm: number } {
  const penalty = sparsity?.beforeUpdate(matrices, { update, gradientScale: 1 }) ?? 0;
  let squares = 0;
  for (const { gradient, penalized } of parameters) {
    if (penalized) kernels.addDecay(penalized.operands);
    squares += kernels.sumOfSquares(gradient.offset, gradient.data.length);
  }
  const gradientNorm = Math.sqrt(squares);
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw new DivergedError(loss, gradientNorm);
  const gradientScale = Math.min(1, clip / gradientNorm);
  for (const { name, weights, gradient, penalized } of parameters) {
    const { mean, square } = moments.get(name)!;
    const length = gradient.data.length;
    const buffers = { gradient: gradient.offset, mean: mean.offset, square: square.offset, length };
    kernels.adam({ ...buffers, ...ADAM, gradientScale, update: update + 1 });
    if (penalized) {
      penalized.matrix.rowPenalty.fill(0);
      penalized.matrix.colPenalty.fill(0);
      kernels.update({ ...penalized.operands, step: rate, threshold: sparsity?.threshold ?? 0 });
    } else kernels.updatePlain(weights.offset, gradient.offset, length, rate);
  }
  sparsity?.afterUpdate?.(matrices, { update, step: rate });
  return { penalty, gradientNorm };
}
