import { loadArrays } from '../data/arrays.ts';
import type { StatePair } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { givenInputs } from '../verify/givenInputs.ts';
import { note } from './output.ts';

/** The arrays of a file as inputs of a model; those that are none are named on stderr. Throws what `givenInputs` throws. */
export async function loadFeeds(path: string, model: Model, states: readonly StatePair[]): Promise<Tensors> {
  const { feeds, unused } = givenInputs(model.graph, new Set(states.map((s) => s.input)), await loadArrays(path), path);
  if (unused.length > 0) note(`arrays of ${path} that are no inputs of the model: ${unused.join(', ')}`);
  return feeds;
}
