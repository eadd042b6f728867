import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { RunConfig } from '../config/runConfig.ts';
import { trainParts } from '../config/trainParts.ts';
import { modelPath } from '../tasks/modelPath.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { runDigest } from '../train/trainer.ts';

/*
 * Data and first model of the runs of a sweep, and what identifies them.
 */

/** The task of a configuration with its data. Throws a UsageError when they cannot serve. */
export function loadTask(config: RunConfig, sources: Sources): Promise<LoadedTask> {
  return taskNamed(config.task.kind)!.load(config, sources);
}

/** Identifies what the checkpoints of a run belong to. */
export function digestOf(config: RunConfig, { problem }: LoadedTask): string {
  return runDigest({ digest: trainParts(config).digest, problem });
}

/** SHA-256 of the model that all runs start from; undefined when there is none. */
export async function initDigest({ init }: Sources): Promise<string | undefined> {
  if (init === undefined) return undefined;
  const hash = createHash('sha256');
  await pipeline(createReadStream(modelPath(init)), hash);
  return hash.digest('hex');
}
