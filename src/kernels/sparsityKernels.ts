import type { MemoryChecks } from './checks.ts';

/** Operands of {@link SparsityKernels.scale}: byte offsets of float32 arrays, none of which may overlap. */
export interface ScalePass {
  /** w [rows, cols], row-major, changed in place. */
  readonly weights: number;
  readonly rows: number;
  readonly cols: number;
  /** [rows] */
  readonly rowFactor: number;
  /** [cols] */
  readonly colFactor: number;
  /** [rows], overwritten. */
  readonly rowSquares: number;
  /** [cols], overwritten. */
  readonly colSquares: number;
}

/** What sparsity methods do besides the update itself. Source: assembly/sparsity.ts. */
export interface SparsityKernels {
  /** g[i] ← g[i] + strength·sign(w[i]), where sign 0 = 0; returns Σ_i |w[i]|, summed in float64 over chunks of 512. */
  addSign(weights: number, gradient: number, length: number, strength: number): number;
  /** g[i] ← 0 where w[i] = 0 */
  maskGradient(weights: number, gradient: number, length: number): void;
  /** values[i] ← 0 where mask[i], a byte, is 0 */
  applyMask(values: number, mask: number, length: number): void;
  /**
   * w[i,j] ← w[i,j]·rowFactor[i]·colFactor[j]. In the same pass rowSquares[i] = Σ_j w[i,j]² and
   * colSquares[j] = Σ_i w[i,j]² of the new weights.
   */
  scale(pass: ScalePass): void;
}

/** What the WebAssembly module exports of them; addresses and counts are unsigned 32-bit integers. */
export interface SparsityExports extends Omit<SparsityKernels, 'scale'> {
  scale(
    ...operands: [
      weights: number,
      rows: number,
      cols: number,
      rowFactor: number,
      colFactor: number,
      rowSquares: number,
      colSquares: number,
    ]
  ): void;
}

/** The passes over one memory. */
export function sparsityKernels(wasm: SparsityExports, check: MemoryChecks): SparsityKernels {
  return {
    addSign(weights, gradient, length, strength) {
      check.floats('addSign', 'weights', weights, length);
      check.floats('addSign', 'gradient', gradient, length);
      return wasm.addSign(weights, gradient, length, strength);
    },
    maskGradient(weights, gradient, length) {
      check.floats('maskGradient', 'weights', weights, length);
      check.floats('maskGradient', 'gradient', gradient, length);
      wasm.maskGradient(weights, gradient, length);
    },
    applyMask(values, mask, length) {
      check.floats('applyMask', 'values', values, length);
      check.bytes('applyMask', 'mask', mask, length);
      wasm.applyMask(values, mask, length);
    },
    scale({ weights, rows, cols, rowFactor, colFactor, rowSquares, colSquares }) {
      check.matrix('scale', weights, rows, cols);
      check.floats('scale', 'rowFactor', rowFactor, rows);
      check.floats('scale', 'colFactor', colFactor, cols);
      check.floats('scale', 'rowSquares', rowSquares, rows);
      check.floats('scale', 'colSquares', colSquares, cols);
      wasm.scale(weights, rows, cols, rowFactor, colFactor, rowSquares, colSquares);
    },
  };
}
