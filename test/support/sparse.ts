import { sizeOf } from '../../src/graph/dims.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { trainedNames } from '../../src/train/trainedWeights.ts';
import type { TrainState } from '../../src/train/trainState.ts';

/*
 * For tests: models with zeros in them, and units that nothing reads.
 */

/** A model with a zero in every so many places of each matrix, biases left alone. */
export function withZeros(model: Model, every: number): Model {
  const trained = new Set(trainedNames(model.graph));
  const initializers = [...model.graph.initializers].map(([name, tensor]): [string, Tensor] => {
    const isMatrix = tensor.dims.filter((d) => d > 1).length > 1;
    if (!trained.has(name) || !isMatrix) return [name, tensor];
    return [name, { ...tensor, data: (tensor.data as Float32Array).map((w, i) => (i % every === 0 ? 0 : w)) }];
  });
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
}

/** The share of zeros among the weights of a model that are no biases; those of `first` that are gone count. */
export function zerosIn(model: Model, first: Model): number {
  const names = trainedNames(first.graph).filter((name) => !/bias|^B$/.test(name));
  const size = names.reduce((n, name) => n + first.graph.initializers.get(name)!.data.length, 0);
  const others = names.reduce((n, name) => {
    const { data } = model.graph.initializers.get(name)!;
    return n + (data as Float32Array).filter((w) => w !== 0).length;
  }, 0);
  return 1 - others / size;
}

/** Sets all weights of a model in training to 0 that read some units. */
export function silence(state: TrainState, dead: ReadonlySet<number>): void {
  for (const { tensor, axis, role, components } of state.groups!.axes) {
    const weight = state.weights(tensor);
    if (role !== 'reads' || weight === undefined) continue;
    const inner = sizeOf(weight.dims.slice(axis + 1));
    const data = weight.data as Float32Array;
    for (let i = 0; i < data.length; i++)
      if (dead.has(components[Math.floor(i / inner) % components.length]!)) data[i] = 0;
  }
  for (const { passes } of state.memory.matrices) passes.refresh();
}
