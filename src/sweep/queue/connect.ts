import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Processor, Queue, Worker, WorkerOptions } from 'bullmq';
import { SlimError } from '../../base/errors.ts';
import { needPackage } from '../../base/optionalPackage.ts';
import { withoutSecrets } from '../../base/secrets.ts';
import type { QueueAddress } from './address.ts';
import type { Carried, Trial } from './trial.ts';

/** Name of the queue in its server. */
const NAME = 'slimrnn';
/** Milliseconds within which a server answers. */
const PATIENCE = 10_000;
/** Milliseconds that a connection has to close which never was one. */
const FAREWELL = 2000;
/** Milliseconds between two tries to reach a server that is gone. */
const AGAIN = 1000;

/** What queues and workers have in common. */
interface Opened extends Pick<EventEmitter, 'on' | 'off'> {
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

/** A queue of trials on any server. */
export type OpenQueue = Opened & Pick<Queue<Trial, Carried>, 'add' | 'getJob' | 'getJobs'>;

/** A worker on trials from any server. */
export type OpenWorker = Opened & Pick<Worker<Trial, Carried>, 'run'>;

/** The parts of BullMQ that this package uses, for one server. */
export interface Bull {
  openQueue(): OpenQueue;
  openWorker(options: Omit<WorkerOptions, 'connection' | 'autorun'>, work: TrialWork): OpenWorker;
  /** Thrown by work whose trial has been put back. */
  readonly DelayedError: new () => Error;
}

/** What a worker does with a trial. */
export type TrialWork = Processor<Trial, Carried>;

/** BullMQ on the server of an address. Throws UsageError where a package is missing. */
export async function loadBull({ kind, url }: QueueAddress): Promise<Bull> {
  const work = 'a sweep over machines';
  const bull = await needPackage('bullmq', work, () => import('bullmq'));
  await (kind === 'redis'
    ? needPackage('ioredis', `${work} through Redis`, () => import('ioredis'))
    : needPackage('pg', `${work} through PostgreSQL`, () => import('pg')));
  const { Queue, Worker, DelayedError, createPostgresBackend } = bull;
  const redis = { url, maxRetriesPerRequest: null, retryStrategy: () => AGAIN };
  const postgres = { connectionString: url, migrate: true, connectionTimeoutMillis: PATIENCE - 2000 };
  const isRedis = kind === 'redis';
  return {
    openQueue: () =>
      isRedis
        ? new Queue(NAME, { connection: redis })
        : new Queue(NAME, { connection: postgres }, createPostgresBackend),
    openWorker: (options, work) => {
      const all = { autorun: false, ...options };
      return isRedis
        ? new Worker(NAME, work, { ...all, connection: redis })
        : new Worker(NAME, work, { ...all, connection: postgres }, createPostgresBackend);
    },
    DelayedError,
  };
}

/** Waits until a queue or worker is connected. Throws SlimError, which says why and shows no password, when it is not soon. */
export async function connected(opened: Opened, { shown }: QueueAddress): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let complain: (error: Error) => void = () => undefined;
  const trouble = new Promise<never>((_, reject) => {
    complain = reject;
    timer = setTimeout(() => reject(new Error(`it has not answered for ${PATIENCE / 1e3} s`)), PATIENCE);
  });
  opened.on('error', complain);
  try {
    await Promise.race([opened.waitUntilReady(), trouble]);
  } catch (cause) {
    // Errors still come while it closes, and one that nobody hears would end the process.
    opened.on('error', () => undefined);
    await Promise.race([opened.close(true).catch(() => undefined), sleep(FAREWELL, undefined, { ref: false })]);
    throw new SlimError(`cannot use the queue ${shown}: ${reasonOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
    opened.off('error', complain);
  }
}

/** Why a server cannot be used, in words. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nobody listens there';
  if (code === 'ENOTFOUND') return 'there is no such host';
  if (code === 'EPIPE' || code === 'ECONNRESET') return 'the server hung up: it may be of another kind';
  if (/NOAUTH|WRONGPASS|password authentication/.test(message)) return 'the user or the password is wrong';
  return withoutSecrets(message || String(code ?? error));
}
