import { requireNumbers } from '../data/arrays/requireNumbers.ts';
import { loadArrays } from '../data/arrays.ts';
import type { StatePair } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { givenWindows } from '../verify/givenWindows.ts';
import { note } from './output.ts';

/**
 * The arrays of a file as consecutive windows of a model's inputs, usually one; those that are none are named on stderr.
 * Throws what `givenWindows` throws, and a UsageError for NaN and infinity in them.
 */
export async function loadFeeds(path: string, model: Model, states: readonly StatePair[]): Promise<readonly Tensors[]> {
  const names = new Set(states.map((s) => s.input));
  const arrays = await loadArrays(path);
  const { windows, unused } = givenWindows(model.graph, names, arrays, path);
  for (const { name } of model.graph.inputs) {
    const array = arrays.get(name);
    if (array) requireNumbers(array, `array '${name}' of ${path}`);
  }
  if (unused.length > 0) note(`arrays of ${path} that are no inputs of the model: ${unused.join(', ')}`);
  return windows;
}
