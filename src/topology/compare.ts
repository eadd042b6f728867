import { UsageError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { type InputNames, type LayerDistance, topologyDistance } from './distance.ts';
import { type Topology, topologyOf } from './topology.ts';

/** A model to compare. */
export interface NamedModel {
  readonly name: string;
  readonly model: Model;
  /** What the rows of its embedding stand for, where that is known. */
  readonly words?: readonly string[] | undefined;
}

/** How far the topologies of several models are apart. */
export interface TopologyComparison {
  readonly names: readonly string[];
  /** Distance of each model from each: symmetric, zeros on the diagonal. */
  readonly distances: readonly (readonly number[])[];
  /** Layer by layer, for each pair of models `a` < `b` by their numbers. */
  readonly pairs: readonly { readonly a: number; readonly b: number; readonly layers: readonly LayerDistance[] }[];
}

/**
 * Distances (`topologyDistance`) of all pairs. Embeddings of other vocabularies are compared by the words that both
 * have. Throws a UsageError that names the models when two of them cannot be compared.
 */
export function compareTopologies(models: readonly NamedModel[]): TopologyComparison {
  const topologies = models.map(({ model }) => topologyOf(model));
  const distances = models.map(() => new Array<number>(models.length).fill(0));
  const pairs = models.flatMap((_, a) =>
    models.slice(a + 1).map((_, i) => {
      const b = a + 1 + i;
      const { distance, layers } = distanceOf(models[a]!, topologies[a]!, models[b]!, topologies[b]!);
      distances[a]![b] = distance;
      distances[b]![a] = distance;
      return { a, b, layers };
    }),
  );
  return { names: models.map(({ name }) => name), distances, pairs };
}

function distanceOf(a: NamedModel, topologyA: Topology, b: NamedModel, topologyB: Topology) {
  try {
    return topologyDistance(topologyA, topologyB, byWords(a.words, b.words));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${a.name} and ${b.name} cannot be compared: ${error.message}`, { cause: error });
  }
}

/** Finds the inputs of tables by their words. Throws a UsageError for tables of other sizes whose words are not known. */
function byWords(wordsA: readonly string[] | undefined, wordsB: readonly string[] | undefined): InputNames {
  const places = wordsA && new Map(wordsA.map((word, i) => [word, i] as const));
  return (a, b) => {
    if (places && wordsB && a.inputs === wordsA.length && b.inputs === wordsB.length) {
      return Int32Array.from(wordsB, (word) => places.get(word) ?? -1);
    }
    // Inputs that are units are found by their partners.
    if (a.inputs === b.inputs || a.sources.some((k) => k >= 0)) return undefined;
    throw new UsageError(`${a.tensor} has ${a.inputs} inputs in one and ${b.inputs} in the other`);
  };
}
