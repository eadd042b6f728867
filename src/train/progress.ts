import { z } from 'zod';
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
  /** States of the sparsity method and of the optimizer, if they have any. */
  method: stateSchema.optional(),
  optimizer: stateSchema.optional(),
});

/** The place in a run. */
export type Progress = z.infer<typeof progressSchema>;

/** Before the first batch of an epoch. */
export const epochStart = { batch: 0, ended: false, sums: { count: 0, totals: {} }, penalty: 0, seconds: 0 } as const;
