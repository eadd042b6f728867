import type { Model, Tensor } from '../graph/types.ts';
import type { Progress } from './progress.ts';
import { detached } from './snapshot.ts';

/** All that a run needs to go on. */
export interface Checkpoint {
  /** The model as it is trained, in the element types that it stores. */
  readonly model: Model;
  /** What goes with it, by kind and name (`state/…`, `slot/…`, `mask/…`, `master/…`). */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly progress: Progress;
}

/** Where a run leaves what it needs to go on: files in Node (`fileStore`); a run without a store leaves nothing. */
export interface RunStore {
  /** The last checkpoint of the run that has this digest; undefined when there is none yet. */
  load(digest: string): Promise<Checkpoint | undefined>;
  /** Replaces the last checkpoint; throws SlimError and keeps the last one when that fails. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Where the last checkpoint is, for messages; undefined when there is none yet. */
  place(): string | undefined;
}

/** Keeps the last checkpoint of a run in memory: a training that is stopped can go on, or be finished as it is. */
export function memoryStore(): RunStore {
  let last: Checkpoint | undefined;
  return {
    load: async (digest) => (last?.progress.digest === digest ? last : undefined),
    async save({ model, tensors, progress }) {
      // Weights and states lie in memory that the next update changes.
      const graph = { ...model.graph, initializers: detached(model.graph.initializers) };
      last = { model: { ...model, graph }, tensors: detached(tensors), progress };
    },
    place: () => undefined,
  };
}
