import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { readJson, runFiles, writeJson } from '../runs/runDirectory.ts';
import { scoreValuesSchema } from '../train/metrics.ts';

/*
 * What a sweep knows of a run stands in the run's own folder: where it stood at each rung and at its end, and why it
 * ended early by itself. Everything else follows from that.
 */

/** Files that a sweep adds to a run directory. */
export const recordFiles = { rungs: 'rungs.json', failure: 'failure.json' } as const;

const rungSchema = z.object({
  /** Epoch that the run was to be trained to. */
  epoch: z.number(),
  /** Epochs trained: fewer where the run's patience had ended before. */
  epochs: z.number(),
  /** Scores on the held-out data. */
  scores: scoreValuesSchema,
  /** Units of each layer without the dead ones. */
  hidden: z.array(z.number()),
  /** Parameters of the model without its dead units, and those of them that are not zero. */
  parameters: z.number(),
  nonzero: z.number(),
  /** Whether λ has taken (nearly) all units of every layer; absent where it has not. */
  collapsed: z.boolean().optional(),
});

/** How a run stands after some epochs. */
export type RungEntry = z.infer<typeof rungSchema>;

export const failureSchema = z.object({
  /** Diverged or collapsed by itself, or given up after its process had ended too often. */
  kind: z.enum(['diverged', 'collapsed', 'failed']),
  /** Whole epochs before. */
  epochs: z.number(),
  reason: z.string(),
});

/** Why a run ended before its time. */
export type Failure = z.infer<typeof failureSchema>;

/** What is known of a run. */
export interface RunRecord {
  readonly rungs: readonly RungEntry[];
  readonly failure?: Failure | undefined;
  /** Its result.json is written. */
  readonly finished: boolean;
}

/** Reads the record of a run, also of one that has not begun. */
export async function readRecord(directory: string): Promise<RunRecord> {
  return {
    rungs: (await readIf(join(directory, recordFiles.rungs), z.array(rungSchema))) ?? [],
    failure: await readIf(join(directory, recordFiles.failure), failureSchema),
    finished: existsSync(join(directory, runFiles.result)),
  };
}

async function readIf<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  if (!existsSync(path)) return undefined;
  const remedy = `delete the folder ${dirname(path)}, and --resume trains the run anew`;
  const parsed = schema.safeParse(await readJson(path, remedy));
  if (parsed.success) return parsed.data;
  throw new UsageError(`${path} was written by another version of slimrnn, or changed by hand; ${remedy}`);
}

/** Adds how a run stands to its record; the same entry again changes nothing. */
export async function addRung(directory: string, entry: RungEntry): Promise<void> {
  const { rungs } = await readRecord(directory);
  const all = [...rungs.filter(({ epoch }) => epoch !== entry.epoch), entry];
  await writeJson(join(directory, recordFiles.rungs), all);
}

/** Records why a run ended. */
export async function addFailure(directory: string, failure: Failure): Promise<void> {
  await writeJson(join(directory, recordFiles.failure), failure);
}

/** Forgets that a run was given up, so that it is tried again; returns whether it was. A divergence stays. */
export async function forgetGivenUp(directory: string): Promise<boolean> {
  const { failure } = await readRecord(directory);
  if (failure?.kind !== 'failed') return false;
  await rm(join(directory, recordFiles.failure));
  return true;
}
