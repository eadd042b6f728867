import type { LookedUpRows, SparsityMethod, UpdateDone } from '../methods/method.ts';
import { type Optimizer, resetSlots, type StepMoment } from '../optimizers/optimizer.ts';
import { DivergedError } from './errors.ts';
import type { Parameter, WeightMemory } from './memory.ts';

/** What determines an update besides weights and gradients. */
interface UpdateOptions extends Pick<StepMoment, 'rate' | 'update'> {
  /** c, the bound on the norm of the whole gradient; infinite for none. */
  readonly clip: number;
  /** The gradient in memory times this is that of the loss which is followed. */
  readonly gradientScale: number;
  readonly method: SparsityMethod | undefined;
  readonly optimizer: Optimizer;
}

/** What an update did. */
export interface UpdateResult {
  /** Value of the sparsity penalty before the update. */
  readonly penalty: number;
  /** Norm of the whole gradient before clipping. */
  readonly gradientNorm: number;
}

/**
 * One update, with one clip over everything (Pascanu et al. 2013), then the threshold:
 *   g ← scale · ∂L/∂w + ∂R/∂w,  d ← direction(min(1, c/‖g‖) · g),  w ← hard(w − η · d, τ),
 * where plain gradient descent has d = g, and an optimizer that averages gradients averages the penalty's along with
 * the loss's: where the loss does not care for a weight, the penalty alone sets its direction. Connections that do not
 * exist have no gradient. `loss` is that of an item. Throws DivergedError on NaN or infinity, before any weight has
 * changed.
 */
export function updateWeights(
  memory: WeightMemory,
  rows: readonly LookedUpRows[],
  loss: number,
  options: UpdateOptions,
): UpdateResult {
  const { kernels, matrices, parameters, sparse } = memory;
  const { rate, clip, gradientScale, update, method, optimizer } = options;
  for (const { table, indices, gradient } of rows) memory.tables.get(table)!.add(indices, gradient);
  method?.beforeMask?.(matrices, { update, rows: rows.filter(({ table }) => !isMatrix(memory, table)) });
  for (const parameter of parameters) maskGradient(memory, parameter);
  const penalty = method?.beforeUpdate(matrices, { update, gradientScale }) ?? 0;
  const gradientNorm = Math.sqrt(squaresOf(memory, options));
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
    throw new DivergedError(`training diverged: the loss is ${loss}, the gradient's norm ${gradientNorm}`);
  }
  const clipped = Math.min(1, clip / gradientNorm);
  const moment = { update, rate, scale: clipped * gradientScale };
  const step = optimizer.direction ? rate : rate * clipped;
  for (const parameter of parameters) {
    optimizer.direction?.(kernels, parameter, moment);
    // What an optimizer remembers of a connection that is gone must not bring it back.
    if (optimizer.direction) maskGradient(memory, parameter, method?.keepsZeros);
    move(memory, parameter, step, options);
  }
  for (const table of memory.outside.values()) table.update(step * gradientScale);
  // Rows of the next batch are added to zeros, whatever penalties and directions have left there.
  for (const { isWritten, gradient } of parameters) if (!isWritten) gradient.data.fill(0);
  const followed = optimizer.isDescent ? rate * clipped : step;
  method?.afterUpdate?.(matrices, { update, step: followed, tables: sparse, reset: resetter(memory, optimizer) });
  if (optimizer.afterUpdate) for (const parameter of parameters) optimizer.afterUpdate(kernels, parameter, moment);
  return { penalty, gradientNorm };
}

/** Resets what the optimizer remembers of single weights of a parameter. */
export function resetter({ byName }: WeightMemory, optimizer: Optimizer): UpdateDone['reset'] {
  return ({ name }, places) => resetSlots(optimizer, byName.get(name)!, places);
}

/** True for a table that the method sees as a whole, as a matrix. */
function isMatrix({ byName }: WeightMemory, table: string): boolean {
  return byName.get(table)?.penalized !== undefined;
}

/** g ← 0 where there is no connection, and with `zeros` where a weight is 0. */
function maskGradient({ kernels }: WeightMemory, { gradient, penalized }: Parameter, zeros = false): void {
  if (penalized?.mask) kernels.applyMask(gradient.offset, penalized.mask.offset, gradient.data.length);
  if (penalized && zeros) penalized.matrix.passes.maskGradient();
}

/** ‖g‖². For an optimizer with a direction of its own, the penalty's gradient is added to the loss's on the way. */
function squaresOf(
  { kernels, parameters, outside }: WeightMemory,
  { gradientScale, optimizer }: UpdateOptions,
): number {
  let squares = 0;
  for (const { gradient, penalized } of parameters) {
    if (penalized && !optimizer.direction) {
      squares += kernels.sumOfSquaresWithDecay({ ...penalized.operands, gradientScale });
      continue;
    }
    if (penalized) {
      // In memory lies the gradient before its scale.
      scaleInPlace(penalized.matrix.rowPenalty, 1 / gradientScale);
      scaleInPlace(penalized.matrix.colPenalty, 1 / gradientScale);
      kernels.addDecay(penalized.operands);
    }
    squares += gradientScale ** 2 * kernels.sumOfSquares(gradient.offset, gradient.data.length);
  }
  for (const table of outside.values()) squares += gradientScale ** 2 * table.squares();
  return squares;
}

/** w ← hard(w − step · direction, τ); the threshold is for what the method acts on. */
function move(
  { kernels }: WeightMemory,
  { weights, gradient, penalized }: Parameter,
  step: number,
  { gradientScale, method, optimizer }: UpdateOptions,
): void {
  const scaled = optimizer.direction ? step : step * gradientScale;
  if (penalized === undefined) {
    kernels.updatePlain(weights.offset, gradient.offset, weights.data.length, scaled);
    return;
  }
  const { rowPenalty, colPenalty } = penalized.matrix;
  for (const penalty of [rowPenalty, colPenalty]) {
    // A direction has the penalty in it already.
    if (optimizer.direction) penalty.fill(0);
    else scaleInPlace(penalty, step);
  }
  kernels.update({ ...penalized.operands, step: scaled, threshold: method?.threshold ?? 0 });
}

function scaleInPlace(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}
