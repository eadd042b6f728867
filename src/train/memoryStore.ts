import type { Tensor } from '../graph/types.ts';
import type { Checkpoint, RunStore } from './store.ts';

/** Keeps the last checkpoint of a run in memory: a training that is stopped can go on, or be finished as it is. */
export function memoryStore(): RunStore {
  let last: Checkpoint | undefined;
  return {
    load: async (digest) => (last?.progress.digest === digest ? last : undefined),
    async save({ model, tensors, progress }) {
      // Weights and states lie in memory that the next update changes.
      const graph = { ...model.graph, initializers: copied(model.graph.initializers) };
      last = { model: { ...model, graph }, tensors: copied(tensors), progress };
    },
    place: () => undefined,
  };
}

function copied(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
}
