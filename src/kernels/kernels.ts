/** The fused passes over weights, bound to one WebAssembly memory. Sources: assembly/*.ts. */
import { SlimError } from '../base/errors.ts';
import { KERNELS_BASE64 } from './wasm.generated.ts';

/** Operands of {@link Kernels.update}: byte offsets of float32 arrays, none of which may overlap. */
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

/** Operands of {@link Kernels.sumOfSquaresWithDecay}: byte offsets of float32 arrays. */
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

/** Operands of {@link Kernels.scale}: byte offsets of float32 arrays, none of which may overlap. */
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

/** Operands of {@link Kernels.adam}: byte offsets of float32 arrays, none of which may overlap. */
export interface AdamPass {
  /** g [length], replaced by the direction of the step. */
  readonly gradient: number;
  /** m [length], the running mean of the gradient, changed in place. */
  readonly mean: number;
  /** v [length], the running mean of its square, changed in place. */
  readonly square: number;
  readonly length: number;
  readonly gradientScale: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** t, the number of this update from 1. */
  readonly update: number;
}

/**
 * Passes over float32 arrays given by byte offset; lengths, rows and cols count elements and may be 0.
 * Each throws SlimError before it starts when an array does not lie inside the memory.
 */
export interface Kernels {
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
  /**
   * With h = gradientScale·g: m ← β₁m + (1 − β₁)h, v ← β₂v + (1 − β₂)h², then
   * g ← m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε), Adam's step for a learning rate of 1 (Kingma and Ba 2015, algorithm 1).
   */
  adam(pass: AdamPass): void;
  /** g[i] ← g[i] + strength·sign(w[i]), where sign 0 = 0; returns Σ_i |w[i]|, summed in float64 over chunks of 512. */
  addSign(weights: number, gradient: number, length: number, strength: number): number;
  /** g[i] ← 0 where w[i] = 0 */
  maskGradient(weights: number, gradient: number, length: number): void;
  /**
   * w[i,j] ← w[i,j]·rowFactor[i]·colFactor[j]. In the same pass rowSquares[i] = Σ_j w[i,j]² and
   * colSquares[j] = Σ_i w[i,j]² of the new weights.
   */
  scale(pass: ScalePass): void;
  /**
   * out[i] = 1 / keep with probability keep in (0, 1], else 0; out[i] depends on i and the seed only.
   * The seed is 64 bits in two unsigned halves.
   */
  dropoutMask(out: number, length: number, keep: number, seedLo: number, seedHi: number): void;
}

/** What the WebAssembly module exports; addresses and counts are unsigned 32-bit integers. */
interface KernelExports extends WebAssembly.Exports {
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
  updatePlain: Kernels['updatePlain'];
  sumOfSquares: Kernels['sumOfSquares'];
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
  adam(
    ...operands: [
      gradient: number,
      mean: number,
      square: number,
      length: number,
      gradientScale: number,
      rest1: number,
      rest2: number,
      unbias1: number,
      unbias2: number,
      epsilon: number,
    ]
  ): void;
  addSign: Kernels['addSign'];
  maskGradient: Kernels['maskGradient'];
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
  dropoutMask: Kernels['dropoutMask'];
}

/**
 * The kernels over one memory (an arena's), which must not be grown afterwards. Compiles a few kilobytes,
 * synchronously.
 */
export function instantiateKernels(memory: WebAssembly.Memory): Kernels {
  const bytes = Uint8Array.from(atob(KERNELS_BASE64), (character) => character.charCodeAt(0));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const wasm = instance.exports as KernelExports;
  const memoryBytes = memory.buffer.byteLength;

  /** Throws unless `length` floats at byte `offset` lie inside the memory. */
  function check(kernel: string, operand: string, offset: number, length: number): void {
    if (!Number.isInteger(length) || length < 0) {
      throw new SlimError(`Kernel ${kernel}: ${operand} needs a whole number of floats, got ${length}`);
    }
    if (!Number.isInteger(offset) || offset < 0 || offset % 4 !== 0 || offset + 4 * length > memoryBytes) {
      throw new SlimError(
        `Kernel ${kernel}: ${operand} is ${length} floats at byte ${offset}, expected a multiple of 4 inside a memory ` +
          `of ${memoryBytes} bytes. Allocate it in the arena whose memory the kernels were made with.`,
      );
    }
  }

  function checkMatrix(kernel: string, weights: number, rows: number, cols: number): void {
    check(kernel, 'a column', 0, rows);
    check(kernel, 'a row', 0, cols);
    check(kernel, 'weights', weights, rows * cols);
  }

  return {
    update({ weights, gradient, rows, cols, rowDecay, colDecay, step, threshold, rowSquares, colSquares }) {
      checkMatrix('update', weights, rows, cols);
      check('update', 'gradient', gradient, rows * cols);
      check('update', 'rowDecay', rowDecay, rows);
      check('update', 'colDecay', colDecay, cols);
      check('update', 'rowSquares', rowSquares, rows);
      check('update', 'colSquares', colSquares, cols);
      wasm.update(weights, gradient, rows, cols, rowDecay, colDecay, step, threshold, rowSquares, colSquares);
    },
    updatePlain(weights, gradient, length, step) {
      check('updatePlain', 'weights', weights, length);
      check('updatePlain', 'gradient', gradient, length);
      wasm.updatePlain(weights, gradient, length, step);
    },
    sumOfSquares(values, length) {
      check('sumOfSquares', 'values', values, length);
      return wasm.sumOfSquares(values, length);
    },
    sumOfSquaresWithDecay({ weights, gradient, rows, cols, rowDecay, colDecay, gradientScale }) {
      checkMatrix('sumOfSquaresWithDecay', weights, rows, cols);
      check('sumOfSquaresWithDecay', 'gradient', gradient, rows * cols);
      check('sumOfSquaresWithDecay', 'rowDecay', rowDecay, rows);
      check('sumOfSquaresWithDecay', 'colDecay', colDecay, cols);
      return wasm.sumOfSquaresWithDecay(weights, gradient, rows, cols, rowDecay, colDecay, gradientScale);
    },
    addDecay({ weights, gradient, rows, cols, rowDecay, colDecay }) {
      checkMatrix('addDecay', weights, rows, cols);
      check('addDecay', 'gradient', gradient, rows * cols);
      check('addDecay', 'rowDecay', rowDecay, rows);
      check('addDecay', 'colDecay', colDecay, cols);
      wasm.addDecay(weights, gradient, rows, cols, rowDecay, colDecay);
    },
    adam({ gradient, mean, square, length, gradientScale, beta1, beta2, epsilon, update }) {
      check('adam', 'gradient', gradient, length);
      check('adam', 'mean', mean, length);
      check('adam', 'square', square, length);
      const [unbias1, unbias2] = [1 - beta1 ** update, 1 - beta2 ** update];
      wasm.adam(gradient, mean, square, length, gradientScale, 1 - beta1, 1 - beta2, unbias1, unbias2, epsilon);
    },
    addSign(weights, gradient, length, strength) {
      check('addSign', 'weights', weights, length);
      check('addSign', 'gradient', gradient, length);
      return wasm.addSign(weights, gradient, length, strength);
    },
    maskGradient(weights, gradient, length) {
      check('maskGradient', 'weights', weights, length);
      check('maskGradient', 'gradient', gradient, length);
      wasm.maskGradient(weights, gradient, length);
    },
    scale({ weights, rows, cols, rowFactor, colFactor, rowSquares, colSquares }) {
      checkMatrix('scale', weights, rows, cols);
      check('scale', 'rowFactor', rowFactor, rows);
      check('scale', 'colFactor', colFactor, cols);
      check('scale', 'rowSquares', rowSquares, rows);
      check('scale', 'colSquares', colSquares, cols);
      wasm.scale(weights, rows, cols, rowFactor, colFactor, rowSquares, colSquares);
    },
    dropoutMask(out, length, keep, seedLo, seedHi) {
      if (!(keep > 0 && keep <= 1)) throw new SlimError(`Kernel dropoutMask: keep must be in (0, 1], got ${keep}`);
      check('dropoutMask', 'out', out, length);
      wasm.dropoutMask(out, length, keep, seedLo, seedHi);
    },
  };
}
