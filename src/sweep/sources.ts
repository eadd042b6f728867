import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { UsageError } from '../base/errors.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { trainParts } from '../config/trainParts.ts';
import { modelPath } from '../tasks/modelPath.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { runDigest } from '../train/trainer.ts';
import type { PlannedRun, SweepPlan } from './plan.ts';

/*
 * Data and first model of the runs of a sweep, and what identifies them.
 */

/** The task of a configuration with its data; throws a UsageError when they cannot serve. */
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

/** The task of a planned run; throws a UsageError when data or first model are no longer what was planned. */
export async function loadPlanned(
  { sources, ...plan }: SweepPlan,
  { config, digest }: PlannedRun,
): Promise<LoadedTask> {
  if ((await initDigest(sources)) !== plan.initDigest) {
    throw new UsageError(`${sources.init} has changed since the sweep began; it cannot go on from another model`);
  }
  const task = await loadTask(config, sources);
  if (digestOf(config, task) === digest) return task;
  const named = [sources.data, sources.valid, sources.test].filter((source) => source !== undefined);
  const where = named.length === 0 ? task.data.source : named.join(' or ');
  throw new UsageError(`${where} has changed since the sweep began; it cannot go on with other data`);
}

/**
 * Throws a UsageError when data or first model are no longer what was planned. Runs with the same fields of the task
 * read the same data.
 */
export async function checkSources(plan: SweepPlan): Promise<void> {
  const seen = new Set<string>();
  for (const run of plan.runs) {
    const fields = JSON.stringify(run.config.task);
    if (!seen.has(fields)) await loadPlanned(plan, run);
    seen.add(fields);
  }
}
