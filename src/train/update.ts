import { SlimError } from '../base/errors.ts';
import type { Kernels } from '../kernels/kernels.ts';
import type { Buffer32 } from '../kernels/memory.ts';
import type { Matrix, SparsityMethod } from '../methods/method.ts';
import { addRows, clearRows, type LookupTable } from './lookupTable.ts';
import type { Parameter } from './parameters.ts';

/** An embedding table with the rows that a window feeds to the graph [T·B·size], and their gradient. */
export interface LookedUp {
  readonly table: LookupTable;
  readonly values: Buffer32;
  readonly gradient: Buffer32;
}

/**
 * A parameter that is looked up too (a tied embedding, or one with a penalty): the gradient of its rows belongs to the
 * parameter's, which the graph writes anew at every step, or nobody does (`isWritten` false).
 */
export interface SharedTable {
  readonly parameter: Parameter;
  readonly isWritten: boolean;
  readonly values: Buffer32;
  readonly gradient: Buffer32;
}

/** Everything that an update changes. */
export interface TrainedWeights {
  readonly kernels: Kernels;
  readonly parameters: readonly Parameter[];
  /** Those of the parameters that the sparsity method acts on. */
  readonly matrices: readonly Matrix[];
  readonly tables: readonly LookedUp[];
  readonly shared: readonly SharedTable[];
}

/** What determines an update besides the gradient. */
export interface UpdateOptions {
  /** η, the learning rate. */
  readonly rate: number;
  /** c, the bound on the norm of the whole gradient. */
  readonly clip: number;
  /** B, sequences side by side. */
  readonly batch: number;
  /** Number of the update, from 0. */
  readonly update: number;
  readonly sparsity?: SparsityMethod | undefined;
}

/**
 * Gradient descent with one clip over everything (Zaremba et al. 2014), then the threshold:
 *   g ← ∂(cross entropy)/∂w / B + ∂R/∂w,  w ← hard(w − η · min(1, c/‖g‖) · g, τ).
 * `indices` and `loss` are the window's. Throws DivergedError on NaN or infinity, before any weight has changed.
 */
export function updateWeights(
  { kernels, parameters, matrices, tables, shared }: TrainedWeights,
  indices: Int32Array,
  loss: number,
  { rate, clip, batch, update, sparsity }: UpdateOptions,
): { penalty: number; gradientNorm: number } {
  const scale = 1 / batch;
  for (const { parameter, gradient } of shared) addRows(parameter.gradient.data, indices, gradient.data);
  const penalty = sparsity?.beforeUpdate(matrices, { update, gradientScale: scale }) ?? 0;
  let squares = 0;
  for (const { gradient, penalized } of parameters) {
    squares += penalized
      ? kernels.sumOfSquaresWithDecay({ ...penalized.operands, gradientScale: scale })
      : scale ** 2 * kernels.sumOfSquares(gradient.offset, gradient.data.length);
  }
  for (const { table, gradient } of tables) squares += scale ** 2 * table.gather(indices, gradient.data);
  const gradientNorm = Math.sqrt(squares);
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw new DivergedError(loss, gradientNorm);
  const step = rate * Math.min(1, clip / gradientNorm);
  const threshold = sparsity?.threshold ?? 0;
  for (const { weights, gradient, penalized } of parameters) {
    if (penalized) {
      scaleInPlace(penalized.matrix.rowPenalty, step);
      scaleInPlace(penalized.matrix.colPenalty, step);
      kernels.update({ ...penalized.operands, step: step * scale, threshold });
    } else kernels.updatePlain(weights.offset, gradient.offset, weights.data.length, step * scale);
  }
  for (const { table } of tables) table.update(step * scale);
  for (const { parameter, isWritten } of shared) {
    if (!isWritten) clearRows(parameter.gradient.data, indices, parameter.stored[1]!);
  }
  sparsity?.afterUpdate?.(matrices, { update, step });
  return { penalty, gradientNorm };
}

/** Training left the numbers: NaN or infinity in the loss or the gradient. */
export class DivergedError extends SlimError {
  override readonly name: string = 'DivergedError';
  readonly loss: number;
  readonly gradientNorm: number;

  constructor(loss: number, gradientNorm: number) {
    super(`training diverged: the loss is ${loss}, the gradient's norm ${gradientNorm}`);
    this.loss = loss;
    this.gradientNorm = gradientNorm;
  }
}

function scaleInPlace(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}
