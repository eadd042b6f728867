import { z } from 'zod';
import { LazyTensor } from '../graph/lazyTensor.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { epochMetricsSchema } from './metrics.ts';

const stateSchema = z.record(z.string(), z.union([z.number(), z.array(z.number()).readonly()]));

/** The place in a run, as a checkpoint holds it. */
export const progressSchema = z.object({
  /** Digest of configuration and data; a checkpoint goes on only with the same. */
  digest: z.string(),
  /** Epochs finished, and batches of the current one. */
  epoch: z.number(),
  batch: z.number(),
  /** Whether all that comes after the updates of the current epoch is done, but its scoring. */
  ended: z.boolean(),
  /** Updates in all. */
  updates: z.number(),
  /** Sums over the current epoch so far. */
  sums: z.object({ count: z.number(), totals: z.record(z.string(), z.array(z.number())) }),
  penalty: z.number(),
  seconds: z.number(),
  history: z.array(epochMetricsSchema),
  /** Which of its first units each layer still has; absent where units cannot be traced. */
  kept: z.array(z.array(z.number())).optional(),
  /** Processes that train together; absent for one. */
  ranks: z.number().optional(),
  /** States of the sparsity method and of the optimizer, if they have any. */
  method: stateSchema.optional(),
  optimizer: stateSchema.optional(),
});

/** The place in a run. */
export type Progress = z.infer<typeof progressSchema>;

/** Before the first batch of an epoch. */
export const epochStart = { batch: 0, ended: false, sums: { count: 0, totals: {} }, penalty: 0, seconds: 0 } as const;

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

/** Copies that outlive the memory they lie in. */
export function detached(weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...weights].map(([name, t]) => [name, detachedTensor(t)]));
}

function detachedTensor(tensor: Tensor): Tensor {
  if (tensor instanceof SparseTensor) return tensor.copy();
  // What is not laid out lies in nobody's memory.
  return tensor instanceof LazyTensor ? tensor : { ...tensor, data: tensor.data.slice() as Tensor['data'] };
}
