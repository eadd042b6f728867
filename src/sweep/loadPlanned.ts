import { UsageError } from '../base/errors.ts';
import type { LoadedTask } from '../tasks/task.ts';
import type { PlannedRun, SweepPlan } from './plan.ts';
import { digestOf, initDigest, loadTask } from './sources.ts';

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
