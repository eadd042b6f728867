import { UsageError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { stridedTensor, stridesOf } from '../graph/tensors.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { givenInputs } from './givenInputs.ts';

/**
 * Arrays as consecutive windows of a graph's inputs. Where arrays have one axis more than their inputs, in front, each of
 * its indices is a window, as for models of one step: [T, …] for an input […]; arrays without it are the same in every
 * window, and states without it are those of the first. Otherwise there is one window. Throws what `givenInputs` throws,
 * and a UsageError where arrays differ in their number of windows. `source` names the file in messages.
 */
export function givenWindows(
  graph: Graph,
  states: ReadonlySet<string>,
  arrays: ReadonlyMap<string, Tensor>,
  source: string,
): { windows: readonly Tensors[]; unused: readonly string[] } {
  const ranks = new Map(graph.inputs.map(({ name, type }) => [name, type.shape?.length]));
  const isStacked = (name: string, { dims }: Tensor) => dims.length - 1 === ranks.get(name) && sizeOf(dims) > 0;
  const stacked = [...arrays].filter(([name, array]) => !states.has(name) && isStacked(name, array));
  const counts = new Set(stacked.map(([, { dims }]) => dims[0]!));
  if (counts.size > 1) {
    const sizes = stacked.map(([name, { dims }]) => `'${name}' [${dims.join(', ')}]`).join(', ');
    throw new UsageError(`arrays of ${source} have different numbers of windows along their first axis: ${sizes}`);
  }
  const at = (window: number) => {
    const parts = stacked.map(([name, array]): [string, Tensor] => [name, windowOf(array, window)]);
    return givenInputs(graph, states, new Map([...arrays, ...parts]), source);
  };
  const first = at(0);
  const others = Array.from({ length: [...counts, 1][0]! - 1 }, (_, i) => at(i + 1).feeds);
  return { windows: [first.feeds, ...others], unused: first.unused };
}

function windowOf(array: Tensor, window: number): Tensor {
  const [, ...dims] = array.dims;
  return stridedTensor(array, dims, stridesOf(dims), window * sizeOf(dims));
}
