import { z } from 'zod';
import type { Tensor } from '../../graph/types.ts';
import { logHistogramSchema } from '../../groups/logHistogram.ts';
import { loadCheckpointOf, saveCheckpoint } from '../../runs/checkpoint.ts';
import type { TraineeState } from './trainee.ts';
import { withWeights } from './weights.ts';

/** One line of metrics.jsonl. */
export const finetuneMetricsSchema = z.object({
  epoch: z.number(),
  learningRate: z.number(),
  /** Means over the places that count; the training figures over the epoch, while the weights changed. */
  trainLoss: z.number(),
  trainAccuracy: z.number().optional(),
  validLoss: z.number().optional(),
  validAccuracy: z.number().optional(),
  /** Units of each layer in the graph, and those that something still reads; empty without group lasso. */
  units: z.array(z.number()),
  alive: z.array(z.number()),
  /** Weights that are trained. */
  parameters: z.number(),
  /** Mean penalty λ·Σ‖w‖ over the epoch. */
  penalty: z.number(),
  seconds: z.number(),
  examplesPerSecond: z.number(),
  /** Norms ‖w_k‖ of the units in the graph, layer by layer; absent without group lasso. */
  groupNorms: z.array(logHistogramSchema).optional(),
});

/** What an epoch achieved. */
export type FinetuneMetrics = z.infer<typeof finetuneMetricsSchema>;

const progressSchema = z.object({
  /** Digest of model, configuration and data; a checkpoint goes on only with the same. */
  digest: z.string(),
  /** Epochs finished, and batches of the current one. */
  epoch: z.number(),
  batch: z.number(),
  /** Updates in all. */
  updates: z.number(),
  /** Sums over the current epoch so far: loss and right predictions over the places that count, their number. */
  loss: z.number(),
  right: z.number(),
  count: z.number(),
  penalty: z.number(),
  seconds: z.number(),
  history: z.array(finetuneMetricsSchema),
});

/** The place in a fine-tuning run. */
export type FinetuneProgress = z.infer<typeof progressSchema>;

/** Before the first update. */
export function freshProgress(digest: string): FinetuneProgress {
  const sums = { loss: 0, right: 0, count: 0, penalty: 0, seconds: 0 };
  return { digest, epoch: 0, batch: 0, updates: 0, ...sums, history: [] };
}

/** Float32 values of a weight that the model itself stores in half precision. */
const MASTER = 'master/';

/** Writes the state of a run in place of the last checkpoint. */
export async function saveFinetuned(path: string, state: TraineeState, progress: FinetuneProgress): Promise<void> {
  const { model, weights, moments = new Map<string, Tensor>() } = state;
  const states = new Map(moments);
  for (const [name, tensor] of weights) {
    if (model.graph.initializers.get(name)?.elementType !== 'float32') states.set(MASTER + name, tensor);
  }
  await saveCheckpoint(path, { model: withWeights(model, weights), states, progress });
}

/** Reads a checkpoint; `names` are the weights that are trained. Throws UsageError as `loadCheckpointOf` does. */
export async function loadFinetuned(
  path: string,
  digest: string,
  names: (model: TraineeState['model']) => readonly string[],
): Promise<{ state: TraineeState; progress: FinetuneProgress }> {
  const { model, states, progress } = await loadCheckpointOf(path, digest, progressSchema);
  const weights = new Map<string, Tensor>();
  for (const name of names(model)) weights.set(name, states.get(MASTER + name) ?? model.graph.initializers.get(name)!);
  return { state: { model, weights, moments: states }, progress };
}
