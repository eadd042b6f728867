import type { Job } from 'bullmq';
import { packageVersion } from '../../base/environment.ts';
import { UsageError } from '../../base/errors.ts';
import type { QueueAddress } from './address.ts';
import { connected, loadBull, type OpenQueue } from './connect.ts';
import { anyTrialSchema, type Carried, carriedSchema, failedSchema, QUEUE_FORMAT, type Trial } from './trial.ts';

/** What has become of a trial, as far as it is worth telling. */
export type Seen =
  | { readonly kind: 'active'; readonly progress: unknown }
  | { readonly kind: 'done'; readonly carried: Carried }
  | { readonly kind: 'failed'; readonly error: string; readonly blame: 'user' | 'surroundings' | 'process' };

/** A queue of trials as a coordinator sees it. */
export interface TrialQueue {
  /** Puts a trial into the queue, unless it is there already, in whatever state. */
  put(key: string, trial: Trial): Promise<void>;
  /** The trials of all sweeps that are under way or have ended, by their keys. */
  look(): Promise<ReadonlyMap<string, Seen>>;
  has(key: string): Promise<boolean>;
  /** Takes a trial out; one that a worker has in its hands stays. */
  remove(key: string): Promise<void>;
  /** Takes the trials of a sweep out that no worker has begun, and if it is `over` those that have ended, too. */
  forget(sweep: string, isOver: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Most ended trials that are looked at in one go. */
const MOST = 200;
const states = ['waiting', 'delayed', 'completed', 'failed'] as const;

/**
 * Opens the queue at an address. Throws SlimError where it cannot be used, and UsageError where trials of another
 * version are in it.
 */
export async function openTrialQueue(address: QueueAddress): Promise<TrialQueue> {
  const bull = await loadBull(address);
  const queue = bull.openQueue();
  await connected(queue, address);
  // Without a listener an error of the connection would end the process; calls that it fails say so themselves.
  queue.on('error', () => undefined);
  const [first] = await queue.getJobs([...states], 0, 0);
  if (first) {
    try {
      requireFormat(first.data, address);
    } catch (error) {
      await queue.close();
      throw error;
    }
  }
  return trialQueue(queue);
}

/** Throws UsageError for a trial that another version has put into a queue. */
export function requireFormat(data: unknown, { shown }: QueueAddress): void {
  const { data: known } = anyTrialSchema.safeParse(data);
  if (known?.format === QUEUE_FORMAT) return;
  const whose = known ? `by version ${known.version} of slimrnn` : 'by something other than slimrnn';
  throw new UsageError(
    `the queue ${shown} holds trials that were put there ${whose}, and this is ${packageVersion()}: use one version ` +
      'for a sweep and all its workers, or another database',
  );
}

function trialQueue(queue: OpenQueue): TrialQueue {
  const remove = async (job: Job<Trial, Carried>) => {
    // One that a worker has locked cannot be removed; it goes when it has ended.
    await job.remove().catch(() => undefined);
  };
  return {
    async put(key, trial) {
      await queue.add('train', trial, { jobId: key });
    },
    async look() {
      const [active, completed, failed] = await Promise.all(
        (['active', 'completed', 'failed'] as const).map((state) => queue.getJobs([state], 0, MOST - 1)),
      );
      const seen = new Map<string, Seen>();
      for (const { id, progress } of active!) seen.set(id!, { kind: 'active', progress });
      for (const { id, returnvalue } of completed!) {
        const { data } = carriedSchema.safeParse(returnvalue);
        const strange = {
          kind: 'failed',
          error: 'its worker sent what this version cannot read',
          blame: 'process',
        } as const;
        seen.set(id!, data ? { kind: 'done', carried: data } : strange);
      }
      for (const { id, failedReason } of failed!) seen.set(id!, { kind: 'failed', ...failureOf(failedReason) });
      return seen;
    },
    has: async (key) => (await queue.getJob(key)) !== undefined,
    async remove(key) {
      const job = await queue.getJob(key);
      if (job) await remove(job);
    },
    async forget(sweep, isOver) {
      for (const job of await queue.getJobs(isOver ? [...states] : ['waiting', 'delayed']))
        if (job.data.sweep === sweep) await remove(job);
    },
    close: () => queue.close(),
  };
}

function failureOf(reason: string | undefined) {
  try {
    return failedSchema.parse(JSON.parse(reason ?? ''));
  } catch {
    return { error: reason ?? 'ended without a word', blame: 'process' as const };
  }
}
