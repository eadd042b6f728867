import type { MemoryChecks } from './checks.ts';

/** Operands of {@link OptimizerKernels.momentum}: byte offsets of float32 arrays, which may not overlap. */
export interface MomentumPass {
  /** g [length], replaced by the direction of the step. */
  readonly gradient: number;
  /** v [length], the running sum of gradients, changed in place. */
  readonly velocity: number;
  readonly length: number;
  readonly gradientScale: number;
  /** μ, the share of v that is left at each update. */
  readonly momentum: number;
  /** Whether the direction looks one update ahead. */
  readonly nesterov: boolean;
}

/** Operands of {@link OptimizerKernels.adam}: byte offsets of float32 arrays, none of which may overlap. */
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

/** What optimizers remember from update to update. Sources: assembly/{momentum,adam,average}.ts. */
export interface OptimizerKernels {
  /** With h = gradientScale·g: v ← μv + h, then g ← v, or with `nesterov` g ← h + μv (Sutskever et al. 2013). */
  momentum(pass: MomentumPass): void;
  /**
   * With h = gradientScale·g: m ← β₁m + (1 − β₁)h, v ← β₂v + (1 − β₂)h², then
   * g ← m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε), Adam's step for a learning rate of 1 (Kingma and Ba 2015, algorithm 1).
   */
  adam(pass: AdamPass): void;
  /** average[i] ← average[i] + rate·(w[i] − average[i]), or 0 where w[i] = 0 */
  average(average: number, weights: number, length: number, rate: number): void;
}

/** What the WebAssembly module exports of them; addresses and counts are unsigned 32-bit integers. */
export interface OptimizerExports extends Pick<OptimizerKernels, 'average'> {
  momentum(
    ...operands: [
      gradient: number,
      velocity: number,
      length: number,
      gradientScale: number,
      momentum: number,
      nesterov: 0 | 1,
    ]
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
}

/** The passes over one memory. */
export function optimizerKernels(wasm: OptimizerExports, check: MemoryChecks): OptimizerKernels {
  return {
    momentum({ gradient, velocity, length, gradientScale, momentum, nesterov }) {
      check.floats('momentum', 'gradient', gradient, length);
      check.floats('momentum', 'velocity', velocity, length);
      wasm.momentum(gradient, velocity, length, gradientScale, momentum, nesterov ? 1 : 0);
    },
    adam({ gradient, mean, square, length, gradientScale, beta1, beta2, epsilon, update }) {
      check.floats('adam', 'gradient', gradient, length);
      check.floats('adam', 'mean', mean, length);
      check.floats('adam', 'square', square, length);
      const [unbias1, unbias2] = [1 - beta1 ** update, 1 - beta2 ** update];
      wasm.adam(gradient, mean, square, length, gradientScale, 1 - beta1, 1 - beta2, unbias1, unbias2, epsilon);
    },
    average(average, weights, length, rate) {
      check.floats('average', 'average', average, length);
      check.floats('average', 'weights', weights, length);
      wasm.average(average, weights, length, rate);
    },
  };
}
