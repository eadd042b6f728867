import { z } from 'zod';
import { logHistogramSchema } from '../groups/logHistogram.ts';

/** Figures by the name of their score ('perplexity', 'accuracy', …), as the task declares them. */
export const scoreValuesSchema = z.record(z.string(), z.number());

/** How a score is called, read and shown (`tasks/score.ts`). */
export const scoreKindSchema = z.object({
  name: z.string(),
  better: z.enum(['lower', 'higher']),
  decimals: z.int().min(0).max(20),
  isShare: z.boolean().optional(),
});

/** One line of metrics.jsonl, for every task: an epoch. */
export const epochMetricsSchema = z.object({
  /** From 1. */
  epoch: z.number(),
  /** At the end of the epoch. */
  learningRate: z.number(),
  /** Scores on the training data while the weights changed. */
  train: scoreValuesSchema,
  /** Scores on the held-out data after the epoch; absent without such data. */
  valid: scoreValuesSchema.optional(),
  /** True while the method was on its way to what it was asked for: no epoch to end with. */
  isUnderway: z.boolean().optional(),
  /** Units of each layer in the graph, and those that something still reads; empty where they cannot be traced. */
  units: z.array(z.number()),
  alive: z.array(z.number()),
  /** Weights that are trained. */
  parameters: z.number(),
  /** Mean penalty over the updates of the epoch. */
  penalty: z.number(),
  /** Of training, without scoring and checkpoints. */
  seconds: z.number(),
  /** Tokens or examples per second. */
  itemsPerSecond: z.number(),
  /** Norms ‖w_k‖ of the units in the graph, layer by layer; absent where they cannot be traced. */
  groupNorms: z.array(logHistogramSchema).optional(),
  /** Shares of the weights that exist, by parameter and gate; absent where all do (`SparsityMethod.densities`). */
  densities: z.record(z.string(), z.array(z.number())).optional(),
});

/** What an epoch achieved. */
export type EpochMetrics = z.infer<typeof epochMetricsSchema>;
