import { sizeOf } from '../../src/graph/dims.ts';
import type { Matrix, SparsityMethod, WeightPasses } from '../../src/methods/method.ts';

/*
 * For tests of sparsity methods: matrices in plain memory, and an update, written as loops that share nothing with the
 * kernels.
 */

/** A weight matrix with the loss's gradient that the next update follows. */
export interface PlainMatrix extends Matrix {
  readonly gradient: Float32Array;
}

/** A matrix [rows, cols] of these values in stored dimensions; its gradient is 0. */
export function plainMatrix(name: string, dims: readonly number[], values: ArrayLike<number>): PlainMatrix {
  const cols = dims[dims.length - 1]!;
  const rows = sizeOf(dims) / cols;
  const weights = Float32Array.from(values);
  if (weights.length !== rows * cols) throw new Error(`${name}: ${weights.length} values for [${dims}]`);
  const [gradient, rowSquares, colSquares] = [weights.slice().fill(0), new Float32Array(rows), new Float32Array(cols)];
  // What is left from the update before must not count.
  const [rowPenalty, colPenalty] = [new Float32Array(rows).fill(7), new Float32Array(cols).fill(7)];
  const passes: WeightPasses = {
    addSign(strength) {
      weights.forEach((w, i) => {
        gradient[i]! += strength * Math.sign(w);
      });
      return weights.reduce((sum, w) => sum + Math.abs(w), 0);
    },
    maskGradient() {
      weights.forEach((w, i) => {
        if (w === 0) gradient[i] = 0;
      });
    },
    scale() {
      for (let i = 0; i < weights.length; i++) weights[i]! *= rowPenalty[Math.floor(i / cols)]! * colPenalty[i % cols]!;
      sumSquares();
    },
    cut(threshold) {
      rowPenalty.fill(0);
      colPenalty.fill(0);
      for (let i = 0; i < weights.length; i++) if (Math.abs(weights[i]!) < threshold) weights[i] = 0;
      sumSquares();
    },
    refresh: () => sumSquares(),
  };
  const sumSquares = () => {
    rowSquares.fill(0);
    colSquares.fill(0);
    weights.forEach((w, i) => {
      rowSquares[Math.floor(i / cols)]! += w * w;
      colSquares[i % cols]! += w * w;
    });
  };
  sumSquares();
  return { name, dims, rows, cols, weights, rowSquares, colSquares, rowPenalty, colPenalty, passes, gradient };
}

/** Of an update after which no connection moves. */
export const nothingMoves = { tables: [], reset: () => undefined } as const;

/** One update of a method: w ← hard(w − step · (g + w · (row + column penalty)), τ), then what the method does itself. */
export function descend(matrices: readonly PlainMatrix[], method: SparsityMethod, step: number, update: number): void {
  method.beforeUpdate(matrices, { update, gradientScale: 1 });
  for (const { weights, gradient, rowPenalty, colPenalty, cols, passes } of matrices) {
    for (let i = 0; i < weights.length; i++) {
      const decay = rowPenalty[Math.floor(i / cols)]! + colPenalty[i % cols]!;
      weights[i]! -= step * (gradient[i]! + weights[i]! * decay);
    }
    passes.cut(method.threshold);
  }
  method.afterUpdate?.(matrices, { update, step, ...nothingMoves });
}
