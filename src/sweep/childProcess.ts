import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../base/packageFile.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type { CoreBinding } from './cores.ts';

/**
 * Where an error comes from: what the user gave, the surroundings (the disk, another process), or the process itself,
 * which may do better when it is started again.
 */
export type Blame = 'user' | 'surroundings' | 'process';

/** Why a worker could not do its job. */
interface Failed {
  readonly error: string;
  readonly blame: Blame;
}

/** What a worker tells its parent; what it has achieved stands in files. */
export type WorkerMessage =
  | { readonly kind: 'epoch'; readonly metrics: EpochMetrics }
  | ({ readonly kind: 'error' } & Failed);

/** One run to be trained up to an epoch. */
export interface Job {
  readonly run: number;
  readonly until: number;
}

/** How a worker ended; without an error it did what it was asked. */
export type Ending = { readonly error?: undefined } | Failed;

/** A worker on its way. */
export interface Launched {
  readonly ended: Promise<Ending>;
  /** Asks it to write a checkpoint and end. */
  stop(): void;
}

/** Starts a worker for a job on one of the parent's places, numbered from 0. */
export type Launch = (job: Job, slot: number, onEpoch: (metrics: EpochMetrics) => void) => Launched;

/**
 * Seconds that the workers of a parent that was killed have to end. One that had only just been started may still take the
 * lock of its run, so that the next worker of that run waits as well.
 */
export const ORPHANS = 30;

const WORKER = 'dist/sweep/worker.js';

/** Last characters of a worker's stderr that are kept to explain its end. */
const KEPT = 2000;

/** Workers as processes of their own, each bound to its cores. */
export function processLauncher(directory: string, cores: CoreBinding): Launch {
  const worker = fileURLToPath(packageFile(WORKER));
  return ({ run, until }, slot, onEpoch) => {
    const command = [process.execPath, ...process.execArgv, worker, directory, String(run), String(until)];
    const prefix = cores.bound ? ['taskset', '-c', cores.coresOf(slot).join(',')] : [];
    const [file, ...args] = [...prefix, ...command] as [string, ...string[]];
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    return { ended: endOf(child, onEpoch), stop: () => child.connected && child.disconnect() };
  };
}

async function endOf(child: ChildProcess, onEpoch: (metrics: EpochMetrics) => void): Promise<Ending> {
  const stderr = child.stderr!;
  let said: Failed | undefined;
  let tail = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-KEPT);
  });
  child.on('message', (message: WorkerMessage) => {
    if (message.kind === 'error') said = message;
    else onEpoch(message.metrics);
  });
  // Not 'close': that does not come when the parent closes the channel (https://github.com/nodejs/node/issues/19433).
  const exit: Promise<unknown[]> = once(child, 'exit');
  const [[code, signal]] = await Promise.all([exit, once(child, 'disconnect'), once(stderr, 'close')]);
  if (code === 0) return {};
  if (said) return said;
  const error = typeof signal !== 'string' ? `exit code ${code} ${tail}`.trim() : `killed by ${signal}`;
  return { error, blame: 'process' };
}
