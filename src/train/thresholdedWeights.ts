import type { Tensor } from '../graph/types.ts';
import type { Weights } from './trainedWeights.ts';

/** Weights of which some can be cut at a threshold again and again. */
export interface ThresholdedWeights {
  /** Names of those that are cut, and how many numbers they hold. */
  readonly names: readonly string[];
  readonly count: number;
  /** The root mean square of what is cut. */
  readonly scale: number;
  /** A weight as it is now. */
  of(name: string): Tensor | undefined;
  /** w ← 0 where |w| < τ, starting from the weights as they were given; returns how many that are. */
  cut(threshold: number): number;
}

/** Copies those of some float32 weights that have one of the `names`; the others stay as they are. */
export function thresholdedWeights(weights: Weights, names: ReadonlySet<string>): ThresholdedWeights {
  const copies = new Map<string, { readonly from: Float32Array; readonly tensor: Tensor & { data: Float32Array } }>();
  for (const [name, { dims, data: from }] of weights) {
    if (!names.has(name) || !(from instanceof Float32Array)) continue;
    copies.set(name, { from, tensor: { elementType: 'float32', dims, data: from.slice() } });
  }
  return {
    names: [...copies.keys()],
    scale: rootMeanSquare([...copies.values()].map(({ from }) => from)),
    count: [...copies.values()].reduce((n, { from }) => n + from.length, 0),
    of: (name) => copies.get(name)?.tensor ?? weights.get(name),
    cut(threshold) {
      let below = 0;
      for (const { from, tensor } of copies.values()) {
        for (let i = 0; i < from.length; i++) {
          const isBelow = Math.abs(from[i]!) < threshold;
          tensor.data[i] = isBelow ? 0 : from[i]!;
          if (isBelow) below++;
        }
      }
      return below;
    },
  };
}

function rootMeanSquare(arrays: readonly Float32Array[]): number {
  let [sum, count] = [0, 0];
  for (const array of arrays) {
    for (const value of array) sum += value * value;
    count += array.length;
  }
  return Math.sqrt(sum / count);
}
