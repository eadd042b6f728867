import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job as QueuedJob } from 'bullmq';
import { z } from 'zod';
import { SlimError, UsageError } from '../../base/errors.ts';
import { withoutSecrets } from '../../base/secrets.ts';
import { readJson } from '../../runs/runDirectory.ts';
import type { Sources } from '../../tasks/task.ts';
import { InterruptedError } from '../../train/errors.ts';
import { type Ending, type Launched, processLauncher } from '../childProcess.ts';
import { bindCores } from '../cores.ts';
import { isSweepDirectory, planIn, savePlan } from '../planFile.ts';
import type { QueueAddress } from './address.ts';
import { carriedFrom } from './carry.ts';
import { connected, loadBull } from './connect.ts';
import { SWEEP_ID } from './places.ts';
import { type Carried, type Trial, trialSchema } from './trial.ts';
import { requireFormat } from './trialQueue.ts';

/** What happens in a worker. */
export type WorkerEvent =
  | { readonly kind: 'begin'; readonly name: string; readonly until: number; readonly isShared: boolean }
  | { readonly kind: 'epoch'; readonly name: string; readonly epoch: number }
  | { readonly kind: 'end'; readonly name: string; readonly outcome: string }
  | { readonly kind: 'trouble'; readonly text: string };

/** How a worker works. */
export interface WorkerOptions {
  readonly address: QueueAddress;
  /** Folder for runs of sweeps whose own folder is not seen from here. */
  readonly folder: string;
  /** Trains there even where the sweep's own folder is seen, as on a disk of its own that is faster. */
  readonly isApart?: boolean | undefined;
  /** Runs at a time, and threads of each, by which they are bound to cores. */
  readonly workers: number;
  readonly threads: number;
  /** Where the data are here, in place of where the coordinator has them. */
  readonly sources: Sources;
  /** Seconds without a sign of life after which another worker takes a trial over. */
  readonly lease: number;
  /** Seconds without work after which the worker ends; by default it waits for more. */
  readonly idle?: number | undefined;
  readonly onEvent?: ((event: WorkerEvent) => void) | undefined;
  /** Aborting lets the runs write checkpoints, and puts them back. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds after which a trial that was put back is offered again. */
const PUT_BACK = 2000;
/** Times that the surroundings may be in the way, one after the other. */
const OBSTACLES = 20;
/** A trial may lose its worker as often as it takes. */
const ANY = 1_000_000;

type Queued = QueuedJob<Trial, Carried>;

/**
 * Trains what a queue holds, each run in a process of its own, so that this one can renew its hold on the trials.
 * Resolves when it was idle for long enough. Throws InterruptedError when it is aborted, SlimError where the queue cannot
 * be used, and UsageError where this worker cannot do what is asked for; what it had begun is put back.
 */
export async function workOn(options: WorkerOptions): Promise<void> {
  const { address, workers, lease, idle, signal, onEvent } = options;
  const bull = await loadBull(address);
  const running = new Set<Launched>();
  let [busy, since, obstacles] = [0, performance.now(), 0];
  let leave: (error?: Error) => void = () => undefined;
  const left = new Promise<Error | undefined>((resolve) => {
    leave = resolve;
  });
  let isLeaving = false;
  const go = (error?: Error) => {
    isLeaving = true;
    for (const launched of running) launched.stop();
    leave(error);
  };
  const putBack = async (job: Queued, token: string | undefined): Promise<never> => {
    await job.moveToDelayed(Date.now() + PUT_BACK, token);
    throw new bull.DelayedError();
  };
  const work = async (job: Queued, token: string | undefined): Promise<Carried> => {
    if (isLeaving) return putBack(job, token);
    const { ending, place, error } = await trained(job, options, running).catch((error: Error) => ({
      ...{ error, ending: undefined, place: undefined },
    }));
    if (isLeaving || place === undefined || ending === undefined) {
      if (error && !isLeaving) go(error);
      return putBack(job, token);
    }
    if (ending.error === undefined) {
      obstacles = 0;
      return carriedFrom(place.runFolder, job.data.collects);
    }
    // Elsewhere the data may be right, and here they are not.
    if (ending.blame === 'user' && !place.isShared) go(new UsageError(ending.error));
    else if (ending.blame !== 'surroundings') throw new Error(JSON.stringify(ending));
    else if (++obstacles > OBSTACLES) go(new SlimError(ending.error));
    return putBack(job, token);
  };
  const worker = bull.openWorker(
    {
      concurrency: workers,
      lockDuration: lease * 1e3,
      stalledInterval: lease * 1e3,
      maxStalledCount: ANY,
      runRetryDelay: 1000,
      drainDelay: 1,
    },
    async (job, token) => {
      busy++;
      try {
        return await work(job, token);
      } finally {
        busy--;
        since = performance.now();
      }
    },
  );
  await connected(worker, address);
  let told = '';
  worker.on('error', ({ message }: Error) => {
    if (message !== told) onEvent?.({ kind: 'trouble', text: withoutSecrets(message) });
    told = message;
  });
  const stop = () => go(new InterruptedError('stopped; the runs under way are back in the queue'));
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  const rests = setInterval(() => {
    if (idle !== undefined && busy === 0 && performance.now() - since > idle * 1e3) go();
  }, 500);
  void worker.run().catch((error: Error) => go(new SlimError(withoutSecrets(error.message))));
  try {
    const error = await left;
    await worker.close();
    if (error) throw error;
  } finally {
    clearInterval(rests);
    signal?.removeEventListener('abort', stop);
  }
}

/** Where a trial is trained. */
interface Place {
  /** The coordinator's own folder. */
  readonly isShared: boolean;
  /** Folder of a sweep, the run's number in its plan, and the run's folder. */
  readonly sweep: string;
  readonly run: number;
  readonly runFolder: string;
}

/** Trains a trial in a process of its own. Throws UsageError for what this version does not understand. */
async function trained(
  job: Queued,
  options: WorkerOptions,
  running: Set<Launched>,
): Promise<{ readonly ending: Ending; readonly place: Place; readonly error?: undefined }> {
  const { address, workers, threads, onEvent } = options;
  requireFormat(job.data, address);
  const trial = trialSchema.parse(job.data);
  const { name, until } = trial;
  const place = await placeFor(trial, job.id!, options);
  onEvent?.({ kind: 'begin', name, until, isShared: place.isShared });
  const launch = processLauncher(place.sweep, bindCores(workers, threads));
  const launched = launch({ run: place.run, until }, freeSlot(running, workers), (metrics) => {
    onEvent?.({ kind: 'epoch', name, epoch: metrics.epoch });
    // A courtesy: a server that is away for a moment is no reason to stop.
    job.updateProgress(metrics).catch(() => undefined);
  });
  slots.set(launched, freeSlot(running, workers));
  running.add(launched);
  const ending = await launched.ended.finally(() => running.delete(launched));
  onEvent?.({ kind: 'end', name, outcome: ending.error ?? `reached epoch ${until}` });
  return { ending, place };
}

const slots = new WeakMap<Launched, number>();

/** The lowest number that no run under way has. */
function freeSlot(running: ReadonlySet<Launched>, workers: number): number {
  const taken = new Set([...running].map((launched) => slots.get(launched)));
  return [...Array(workers).keys()].find((slot) => !taken.has(slot)) ?? 0;
}

const idSchema = z.object({ id: z.string() });

/** The sweep's own folder where it is seen from here, else a folder for this trial alone, with a plan of one run. */
async function placeFor(trial: Trial, key: string, { folder, isApart, sources }: WorkerOptions): Promise<Place> {
  const { directory, run, name, sweep } = trial;
  const named = join(directory, SWEEP_ID);
  if (!isApart && existsSync(named) && isSweepDirectory(directory)) {
    const { data } = idSchema.safeParse(await readJson(named));
    if (data?.id === sweep) return { isShared: true, sweep: directory, run, runFolder: join(directory, name) };
  }
  // By the run, not by the epoch: what it has learned on the way to one rung is gone on from to the next.
  const own = join(folder, `${sweep}-${name}`);
  await mkdir(own, { recursive: true });
  const plan = planIn(trial.plan, `trial ${key}`, own);
  const said = Object.fromEntries(Object.entries(sources).filter(([, path]) => path !== undefined));
  await savePlan(own, { ...plan, sources: { ...plan.sources, ...said } }).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT'
      ? new UsageError(`${cause.path ?? 'a source'} does not exist here: name it with a flag`)
      : cause;
  });
  return { isShared: false, sweep: own, run: 0, runFolder: join(own, name) };
}
