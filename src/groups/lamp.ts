import type { Groups } from './groups.ts';

/** Components of each layer, each once; those that no layer has are one more. */
export function componentsByLayer({ layers, count }: Groups): (readonly number[])[] {
  const free = new Set(Array(count).keys());
  const lists = layers.map(({ components }) => [...components].filter((k) => free.delete(k)));
  return [...lists, [...free]];
}

/**
 * Norms as scores that can be compared across layers (LAMP, Lee et al. 2021, section 3): the square of a norm as a share
 * of its own and all larger ones in the layer. By norms a layer that feeds a large output, whose groups have far more
 * weights, would keep nearly all units. The largest unit of each layer scores 1; what is not above 0 keeps its value.
 */
export function lampScores(layers: readonly (readonly number[])[], norms: Float64Array): Float64Array {
  const scores = new Float64Array(norms.length);
  for (const layer of layers) {
    let sum = 0;
    for (const k of [...layer].sort((i, j) => norms[j]! - norms[i]! || i - j)) {
      const norm = norms[k]!;
      if (norm > 0) sum += norm ** 2;
      scores[k] = norm > 0 ? norm ** 2 / sum : norm;
    }
  }
  return scores;
}
