import { SlimError, UsageError } from '../base/errors.ts';
import { throwIfStopped } from '../train/errors.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { Job, Launch, Launched } from './childProcess.ts';

/** Times that a worker is started again when it ended early without having finished an epoch. */
export const RESTARTS = 5;

/** What happens while jobs are done. */
export type JobEvent =
  | { readonly kind: 'start'; readonly run: number; readonly until: number }
  | { readonly kind: 'epoch'; readonly run: number; readonly metrics: EpochMetrics }
  | { readonly kind: 'restart'; readonly run: number; readonly error: string; readonly restart: number };

/** What jobs need besides the jobs. */
export interface PoolOptions {
  readonly workers: number;
  readonly launch: Launch;
  /** True when the files of a run say that there is nothing left to do. */
  readonly isDone: (job: Job) => Promise<boolean>;
  readonly onEvent?: ((event: JobEvent) => void) | undefined;
  readonly onDone: (job: Job) => Promise<void>;
  /** A worker that cannot be kept alive. */
  readonly onGivenUp: (job: Job, error: string) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does jobs on a number of workers at a time. A worker that ends before its job is done is started again, where the run
 * goes on from its checkpoint. Throws InterruptedError when aborted, and what a worker says that no other try would
 * mend (UsageError, SlimError), after all workers have ended.
 */
export async function runJobs(jobs: readonly Job[], options: PoolOptions): Promise<void> {
  const { workers, launch, isDone, onEvent, onDone, onGivenUp, signal } = options;
  const queue = [...jobs];
  const launched = new Set<Launched>();
  // Another place has failed, or the user has had enough: nobody begins anything, and those under way are asked to end.
  let over = false;
  const end = () => {
    over = true;
    for (const worker of launched) worker.stop();
  };
  const doJob = async (job: Job, slot: number) => {
    onEvent?.({ kind: 'start', ...job });
    for (let restart = 1; ; restart++) {
      const worker = launch(job, slot, (metrics) => {
        restart = 1;
        onEvent?.({ kind: 'epoch', run: job.run, metrics });
      });
      launched.add(worker);
      const ending = await worker.ended.finally(() => launched.delete(worker));
      if (await isDone(job)) return onDone(job);
      if (over) return;
      if (ending.error !== undefined && ending.blame === 'user') throw new UsageError(ending.error);
      if (ending.error !== undefined && ending.blame === 'surroundings') throw new SlimError(ending.error);
      const { error = 'ended without a word' } = ending;
      if (restart > RESTARTS) return onGivenUp(job, error);
      onEvent?.({ kind: 'restart', run: job.run, error, restart });
    }
  };
  const place = async (slot: number) => {
    for (let job = queue.shift(); job !== undefined && !over; job = queue.shift()) await doJob(job, slot);
  };
  signal?.addEventListener('abort', end);
  if (signal?.aborted) end();
  try {
    const places = Array.from({ length: Math.min(workers, jobs.length) }, (_, slot) =>
      place(slot).catch((error: unknown) => {
        end();
        throw error;
      }),
    );
    const failed = (await Promise.allSettled(places)).find((p) => p.status === 'rejected');
    if (failed) throw failed.reason;
    throwIfStopped(signal);
  } finally {
    signal?.removeEventListener('abort', end);
  }
}
