import type { SparsityMethod } from './method.ts';

/** A penalty whose λ grows for some time. */
export interface WarmingOptions {
  /** s_k of each component, when it has grown. */
  readonly strengths: Float64Array;
  /** Updates in which it grows. */
  readonly updates: number;
}

/**
 * A group penalty whose λ grows linearly in the first n updates: update t from 0 takes λ · min(1, (t + 1) / n). A model
 * that has learned little yet has small gradients, of which Adam makes steps of the usual size: what presses all the time
 * would take the units before they are of any use.
 */
export function warmed(
  make: (strengths: Float64Array) => SparsityMethod,
  { strengths, updates }: WarmingOptions,
): SparsityMethod {
  const now = strengths.slice();
  const method = make(now);
  return {
    ...method,
    // λ is another one at every update.
    nodes: undefined,
    beforeUpdate(matrices, moment) {
      const share = Math.min(1, (moment.update + 1) / updates);
      for (let k = 0; k < now.length; k++) now[k] = strengths[k]! * share;
      return method.beforeUpdate(matrices, moment);
    },
  };
}
