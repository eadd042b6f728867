import type { MemoryChecks } from './checks.ts';

/** Operands of {@link UpdateKernels.update}: byte offsets of float32 arrays, none of which may overlap. */
export interface UpdatePass {
  /** w [rows, cols], row-major, changed in place. */
  readonly weights: number;
  /** g [rows, cols]. */
  readonly gradient: number;
  readonly rows: number;
  readonly cols: number;
  /** [rows] */
  readonly rowDecay: number;
  /** [cols] */
  readonly colDecay: number;
  readonly step: number;
  readonly threshold: number;
  /** [rows], overwritten. */
  readonly rowSquares: number;
  /** [cols], overwritten. */
  readonly colSquares: number;
}

/** Operands of {@link UpdateKernels.sumOfSquaresWithDecay}: byte offsets of float32 arrays. */
export interface DecayedGradient {
  /** w [rows, cols], row-major. */
  readonly weights: number;
  /** g [rows, cols]. */
  readonly gradient: number;
  readonly rows: number;
  readonly cols: number;
  /** [rows] */
  readonly rowDecay: number;
  /** [cols] */
  readonly colDecay: number;
  readonly gradientScale: number;
}

/** The update of weights, and what is asked of gradients before it. Sources: assembly/{update,squares,decay}.ts. */
export interface UpdateKernels {
  /**
   * w[i,j] ← x if not |x| < threshold else 0, where x = w[i,j]·(1 − (rowDecay[i] + colDecay[j])) − step·g[i,j];
   * NaN stays NaN, an infinite weight becomes NaN. In the same pass rowSquares[i] = Σ_j w[i,j]² and
   * colSquares[j] = Σ_i w[i,j]² of the new weights.
   */
  update(pass: UpdatePass): void;
  /** w[i] ← w[i] − step·g[i] */
  updatePlain(weights: number, gradient: number, length: number, step: number): void;
  /** Σ_i values[i]², summed in float64 over chunks of 512. */
  sumOfSquares(values: number, length: number): number;
  /** Σ_ij (gradientScale·g[i,j] + w[i,j]·(rowDecay[i] + colDecay[j]))², summed in float64 over chunks of 512. */
  sumOfSquaresWithDecay(operands: DecayedGradient): number;
  /** g[i,j] ← g[i,j] + w[i,j]·(rowDecay[i] + colDecay[j]) */
  addDecay(operands: Omit<DecayedGradient, 'gradientScale'>): void;
  /** g[i] ← scale·g[i] + decay·w[i] */
  addWeights(weights: number, gradient: number, length: number, scale: number, decay: number): void;
}

/** What the WebAssembly module exports of them; addresses and counts are unsigned 32-bit integers. */
export interface UpdateExports extends Pick<UpdateKernels, 'updatePlain' | 'sumOfSquares' | 'addWeights'> {
  update(
    ...operands: [
      weights: number,
      gradient: number,
      rows: number,
      cols: number,
      rowDecay: number,
      colDecay: number,
      step: number,
      threshold: number,
      rowSquares: number,
      colSquares: number,
    ]
  ): void;
  sumOfSquaresWithDecay(
    ...operands: [
      weights: number,
      gradient: number,
      rows: number,
      cols: number,
      rowDecay: number,
      colDecay: number,
      gradientScale: number,
    ]
  ): number;
  addDecay(
    ...operands: [weights: number, gradient: number, rows: number, cols: number, rowDecay: number, colDecay: number]
  ): void;
}

/** The passes over one memory. */
export function updateKernels(wasm: UpdateExports, check: MemoryChecks): UpdateKernels {
  return {
    update({ weights, gradient, rows, cols, rowDecay, colDecay, step, threshold, rowSquares, colSquares }) {
      check.matrix('update', weights, rows, cols);
      check.floats('update', 'gradient', gradient, rows * cols);
      check.floats('update', 'rowDecay', rowDecay, rows);
      check.floats('update', 'colDecay', colDecay, cols);
      check.floats('update', 'rowSquares', rowSquares, rows);
      check.floats('update', 'colSquares', colSquares, cols);
      wasm.update(weights, gradient, rows, cols, rowDecay, colDecay, step, threshold, rowSquares, colSquares);
    },
    updatePlain(weights, gradient, length, step) {
      check.floats('updatePlain', 'weights', weights, length);
      check.floats('updatePlain', 'gradient', gradient, length);
      wasm.updatePlain(weights, gradient, length, step);
    },
    sumOfSquares(values, length) {
      check.floats('sumOfSquares', 'values', values, length);
      return wasm.sumOfSquares(values, length);
    },
    sumOfSquaresWithDecay({ weights, gradient, rows, cols, rowDecay, colDecay, gradientScale }) {
      check.matrix('sumOfSquaresWithDecay', weights, rows, cols);
      check.floats('sumOfSquaresWithDecay', 'gradient', gradient, rows * cols);
      check.floats('sumOfSquaresWithDecay', 'rowDecay', rowDecay, rows);
      check.floats('sumOfSquaresWithDecay', 'colDecay', colDecay, cols);
      return wasm.sumOfSquaresWithDecay(weights, gradient, rows, cols, rowDecay, colDecay, gradientScale);
    },
    addDecay({ weights, gradient, rows, cols, rowDecay, colDecay }) {
      check.matrix('addDecay', weights, rows, cols);
      check.floats('addDecay', 'gradient', gradient, rows * cols);
      check.floats('addDecay', 'rowDecay', rowDecay, rows);
      check.floats('addDecay', 'colDecay', colDecay, cols);
      wasm.addDecay(weights, gradient, rows, cols, rowDecay, colDecay);
    },
    addWeights(weights, gradient, length, scale, decay) {
      check.floats('addWeights', 'weights', weights, length);
      check.floats('addWeights', 'gradient', gradient, length);
      wasm.addWeights(weights, gradient, length, scale, decay);
    },
  };
}
