import { z } from 'zod';
import { sha256Hex } from '../../base/digest.ts';
import type { PlannedRun } from '../plan.ts';

/*
 * What coordinator and workers tell each other through the queue.
 */

/** Format of trials and results that this version writes and reads. */
export const QUEUE_FORMAT = 1;

/** What every format has. */
export const anyTrialSchema = z.object({ format: z.number(), version: z.string(), sweep: z.string() });

/** A run of a sweep to be trained up to an epoch: what a worker needs, wherever it is. */
export const trialSchema = anyTrialSchema.extend({
  format: z.literal(QUEUE_FORMAT),
  /** The sweep's folder, for workers that share it; and the run's place in its plan. */
  directory: z.string(),
  run: z.int().nonnegative(),
  name: z.string().regex(/^[\w.-]+$/),
  until: z.int().positive(),
  /** sweep.json of a sweep of this run alone, for workers that have no access to the folder. */
  plan: z.unknown(),
  /** Whether models are to be carried back. */
  collects: z.boolean(),
});

/** A run of a sweep to be trained up to an epoch. */
export type Trial = z.infer<typeof trialSchema>;

/** Files of a run's folder as they are carried back, by their names: base64 of their bytes. */
export const carriedSchema = z.object({
  format: z.literal(QUEUE_FORMAT),
  files: z.record(z.string().regex(/^[\w-]+(\.[\w-]+)+$/), z.string()),
});
export type Carried = z.infer<typeof carriedSchema>;

/** How a trial failed, as the reason of a failed job. */
export const failedSchema = z.object({ error: z.string(), blame: z.enum(['user', 'surroundings', 'process']) });

/** Names a trial by what determines it: sweep, configuration, data and epoch. */
export function trialKey(sweep: string, { name, digest, config }: PlannedRun, until: number): string {
  return `trial-${sha256Hex(JSON.stringify([sweep, name, digest, config, until])).slice(0, 32)}`;
}
