import { UsageError } from '../base/errors.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import type { LoadedTask, Problem } from '../tasks/task.ts';
import { type Collective, single } from '../train/collective.ts';
import { train } from '../train/trainer.ts';
import { readerStore } from './checkpoint.ts';
import type { RunOptions } from './run.ts';

/*
 * A run that several processes train together: the first one has the run directory, the others train with it and write
 * nothing.
 */

/** Throws UsageError unless a batch can be shared evenly by so many processes. */
export function requireDivisible({ batch }: Pick<RunConfig, 'batch'>, ranks: number): void {
  if (batch % ranks === 0) return;
  const below = Math.floor(batch / ranks) * ranks;
  const choices = [below, below + ranks].filter((size) => size > 0);
  throw new UsageError(
    `--batch ${batch} cannot be shared evenly by ${ranks} processes: choose a multiple of ${ranks}, such as ${choices.join(' or ')}`,
  );
}

/** The problem as a process trains on it: with its part of each batch. */
export function sharedProblem(
  task: LoadedTask,
  { batch, task: { kind } }: Pick<RunConfig, 'batch' | 'task'>,
  { ranks }: Collective = single,
): Problem {
  if (ranks === 1) return task.problem;
  if (task.withBatch) return task.withBatch(batch / ranks);
  throw new UsageError(`processes cannot share the batches of the task ${kind}: it has no withBatch`);
}

/** Trains with the process that has the run directory, until the end of training. */
export async function follow(
  options: Pick<RunOptions, 'config' | 'task' | 'directory' | 'runtime' | 'resume' | 'signal'> & {
    readonly collective: Collective;
  },
): Promise<void> {
  const { config, task, directory, runtime, resume, signal, collective } = options;
  await train({
    ...trainParts(config),
    ...taskParts(task),
    problem: sharedProblem(task, config, collective),
    store: readerStore(directory),
    ...{ runtime, resume, signal, collective },
  });
}
