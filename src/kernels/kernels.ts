/** The fused passes over weights, bound to one WebAssembly memory. Sources: assembly/*.ts. */
import { SlimError } from '../base/errors.ts';
import { KERNELS_BASE64 } from './wasm.generated.ts';

/** A matrix and its decay: byte offsets of float32 arrays, none of which may overlap, and its sizes. */
export type DecayedMatrix = {
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
};

/** Byte offsets of the sums of squares of a matrix, which are overwritten: [rows] and [cols]. */
export type Squares = { readonly rowSquares: number; readonly colSquares: number };

/** Where an optimizer's direction is made: g [length] is replaced by it; the buffers of its slots may not overlap. */
type Direction = { readonly gradient: number; readonly length: number; readonly gradientScale: number };

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
  update(pass: DecayedMatrix & Squares & { readonly step: number; readonly threshold: number }): void;
  /** w[i] ← w[i] − step·g[i] */
  updatePlain(weights: number, gradient: number, length: number, step: number): void;
  /** Σ_i values[i]², summed in float64 over chunks of 512. */
  sumOfSquares(values: number, length: number): number;
  /** Σ_ij (gradientScale·g[i,j] + w[i,j]·(rowDecay[i] + colDecay[j]))², summed in float64 over chunks of 512. */
  sumOfSquaresWithDecay(pass: DecayedMatrix & { readonly gradientScale: number }): number;
  /** g[i,j] ← g[i,j] + w[i,j]·(rowDecay[i] + colDecay[j]) */
  addDecay(pass: DecayedMatrix): void;
  /** g[i] ← scale·g[i] + decay·w[i] */
  addWeights(weights: number, gradient: number, length: number, scale: number, decay: number): void;
  /** With h = gradientScale·g: v ← μv + h, then g ← v, or with `nesterov` g ← h + μv (Sutskever et al. 2013). */
  momentum(
    pass: Direction & { readonly velocity: number; readonly momentum: number; readonly nesterov: boolean },
  ): void;
  /**
   * With h = gradientScale·g: m ← β₁m + (1 − β₁)h, v ← β₂v + (1 − β₂)h², then
   * g ← m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε), Adam's step for a learning rate of 1 (Kingma and Ba 2015, algorithm 1);
   * m is `mean`, v `square`, and t, the number of the update from 1, `update`.
   */
  adam(
    pass: Direction & {
      readonly mean: number;
      readonly square: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly update: number;
    },
  ): void;
  /** average[i] ← average[i] + rate·(w[i] − average[i]) */
  average(average: number, weights: number, length: number, rate: number): void;
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
  scale(
    pass: Pick<DecayedMatrix, 'weights' | 'rows' | 'cols'> &
      Squares & { readonly rowFactor: number; readonly colFactor: number },
  ): void;
  /**
   * out[i] = 1 / keep with probability keep in (0, 1], else 0; out[i] depends on `from` + i (default: i) and the seed
   * only. The seed is 64 bits in two unsigned halves.
   */
  dropoutMask(out: number, length: number, keep: number, seedLo: number, seedHi: number, from?: number): void;
}

const DECAYED = 'weights[rows*cols] gradient[rows*cols] rows cols rowDecay[rows] colDecay[cols]';
const SQUARES = 'rowSquares[rows] colSquares[cols]';

/**
 * The operands of what the WebAssembly module exports, in its order: numbers, and where arrays lie that have as many
 * floats (or bytes) as other operands say.
 */
const OPERANDS: Readonly<Record<keyof Kernels, string>> = {
  update: `${DECAYED} step threshold ${SQUARES}`,
  updatePlain: 'weights[length] gradient[length] length step',
  sumOfSquares: 'values[length] length',
  sumOfSquaresWithDecay: `${DECAYED} gradientScale`,
  addDecay: DECAYED,
  addWeights: 'weights[length] gradient[length] length scale decay',
  momentum: 'gradient[length] velocity[length] length gradientScale momentum nesterov',
  adam: 'gradient[length] mean[length] square[length] length gradientScale rest1 rest2 unbias1 unbias2 epsilon',
  average: 'average[length] weights[length] length rate',
  addSign: 'weights[length] gradient[length] length strength',
  maskGradient: 'weights[length] gradient[length] length',
  applyMask: 'values[length] mask[length bytes] length',
  scale: `weights[rows*cols] rows cols rowFactor[rows] colFactor[cols] ${SQUARES}`,
  dropoutMask: 'out[length] length keep seedLo seedHi from',
};

const OPERAND = /(\w+)(?:\[([\w*]+)( bytes)?\])?/g;

type Pass = Readonly<Record<string, number>>;

/**
 * The kernels over one memory (an arena's), which must not be grown afterwards. Compiles a few kilobytes,
 * synchronously.
 */
export function instantiateKernels(memory: WebAssembly.Memory): Kernels {
  const bytes = Uint8Array.from(atob(KERNELS_BASE64), (character) => character.charCodeAt(0));
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const wasm = instance.exports as Record<keyof Kernels, (...operands: readonly number[]) => number>;
  const memoryBytes = memory.buffer.byteLength;
  const namesOf = (kernel: keyof Kernels) => Array.from(OPERANDS[kernel].matchAll(OPERAND), ([, name]) => name!);
  /** A kernel that takes its operands one after the other. */
  const listed = (kernel: keyof Kernels) => {
    const names = namesOf(kernel);
    const arrays = Array.from(OPERANDS[kernel].matchAll(OPERAND), ([, name, count, bytes], at) => {
      const factors = count?.split('*').map((factor) => names.indexOf(factor)) ?? [];
      return { what: `Kernel ${kernel}: ${name}`, at, factors, size: bytes ? 1 : 4 };
    }).filter(({ factors }) => factors.length > 0);
    return (...values: number[]): number => {
      for (const { what, at, factors, size } of arrays) {
        const length = factors.reduce((product, factor) => product * values[factor]!, 1);
        checkArray(what, values[at]!, length, size, memoryBytes);
      }
      return wasm[kernel](...values);
    };
  };
  /** A kernel that takes its operands by name. */
  const named = (kernel: keyof Kernels) => {
    const [names, run] = [namesOf(kernel), listed(kernel)];
    return (pass: Pass): number => run(...names.map((name) => pass[name]!));
  };
  const [momentum, adam, dropoutMask] = [named('momentum'), named('adam'), listed('dropoutMask')];
  return {
    update: named('update'),
    updatePlain: listed('updatePlain'),
    sumOfSquares: listed('sumOfSquares'),
    sumOfSquaresWithDecay: named('sumOfSquaresWithDecay'),
    addDecay: named('addDecay'),
    addWeights: listed('addWeights'),
    momentum: (pass) => momentum({ ...pass, nesterov: pass.nesterov ? 1 : 0 }),
    adam({ beta1, beta2, update, ...pass }) {
      const [unbias1, unbias2] = [1 - beta1 ** update, 1 - beta2 ** update];
      adam({ ...pass, rest1: 1 - beta1, rest2: 1 - beta2, unbias1, unbias2 });
    },
    average: listed('average'),
    addSign: listed('addSign'),
    maskGradient: listed('maskGradient'),
    applyMask: listed('applyMask'),
    scale: named('scale'),
    dropoutMask(out, length, keep, seedLo, seedHi, from = 0) {
      if (!(keep > 0 && keep <= 1)) throw new SlimError(`Kernel dropoutMask: keep must be in (0, 1], got ${keep}`);
      dropoutMask(out, length, keep, seedLo, seedHi, from);
    },
  };
}

/** Throws SlimError unless an array of `length` items of 4 bytes or one, which `what` names, lies inside the memory. */
function checkArray(what: string, offset: number, length: number, size: number, memoryBytes: number): void {
  const items = size === 4 ? 'floats' : 'bytes';
  if (!Number.isInteger(length) || length < 0) {
    throw new SlimError(`${what} needs a whole number of ${items}, got ${length}`);
  }
  if (!Number.isInteger(offset) || offset < 0 || offset % size !== 0 || offset + size * length > memoryBytes) {
    throw new SlimError(
      `${what} is ${length} ${items} at byte ${offset}, expected ${size === 4 ? 'a multiple of 4' : 'a place'} ` +
        `inside a memory of ${memoryBytes} bytes. Allocate it in the arena whose memory the kernels were made with.`,
    );
  }
}
