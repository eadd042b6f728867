import { existsSync } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { acquireLock, waitUntilFree } from '../base/lock.ts';
import { checkNewRunDirectory, clearTemporaries, writeJson } from '../runs/runDirectory.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { throwIfStopped } from '../train/errors.ts';
import { type Job, type Launch, ORPHANS, processLauncher } from './childProcess.ts';
import { bindCores, defaultWorkers } from './cores.ts';
import { checkSources, type SweepPlan } from './plan.ts';
import { readPlan, requireSamePlan, savePlan, sweepFiles } from './planFile.ts';
import { type JobEvent, RESTARTS, runJobs } from './pool.ts';
import { type RemotePlaces, remotePlaces } from './queue/places.ts';
import type { TrialQueue } from './queue/trialQueue.ts';
import { type SweepResult, sweepResult } from './result.ts';
import { readSweepResult } from './resultFile.ts';
import { addFailure, forgetGivenUp, readRecord } from './runRecord.ts';
import { hasReached, type RunState, standings } from './standings.ts';

/** What happens while a sweep is under way; `run` is an index into the plan's runs. */
export type SweepEvent =
  | JobEvent
  | { readonly kind: 'unbound'; readonly reason: string }
  | { readonly kind: 'takenOver' | 'trouble'; readonly what: string }
  | { readonly kind: 'state'; readonly run: number; readonly state: RunState }
  | { readonly kind: 'timing'; readonly models: number };

/** How a planned sweep is carried out; none of it changes what comes out, but for the latencies. */
export interface SweepOptions {
  readonly directory: string;
  /** Go on with the sweep in the directory, which must have been started with the same plan. */
  readonly resume?: boolean | undefined;
  /** Runs that are trained at a time. Default: as many as there are cores for the threads of each. */
  readonly workers?: number | undefined;
  /** Has the runs trained by workers elsewhere, which take them from a queue; `collects` brings their models here. */
  readonly remote?: { readonly queue: TrialQueue; readonly collects: boolean } | undefined;
  /** False: the finished models are not timed. */
  readonly latency?: boolean | undefined;
  readonly onEvent?: ((event: SweepEvent) => void) | undefined;
  /** Aborting lets all workers write a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains the runs of a plan in worker processes, stops the worst at each rung, and makes the table. Everything that was
 * decided follows from files in the runs' directories, so a sweep that is killed and resumed ends with the same
 * table. Throws LockedError when another process is at work in the directory.
 */
export async function sweep(plan: SweepPlan, options: SweepOptions): Promise<SweepResult> {
  const { directory, resume = false, signal } = options;
  const saved = resume ? await readPlan(directory) : undefined;
  if (saved) requireSamePlan(saved, plan, directory);
  else await checkNewSweepDirectory(directory);
  await mkdir(directory, { recursive: true });
  const lock = await acquireLock(directory);
  try {
    if (lock.takenOver) options.onEvent?.({ kind: 'takenOver', what: lock.takenOver });
    const finished = join(directory, sweepFiles.result);
    for (const { name } of resume ? plan.runs : []) {
      // What ended the processes of a run that was given up may be gone.
      if (await forgetGivenUp(join(directory, name))) await rm(finished, { force: true });
    }
    if (resume && existsSync(finished)) return readSweepResult(finished);
    await clearTemporaries(directory);
    if (saved) {
      await checkSources(plan);
      // The workers read where the data are now.
      if (JSON.stringify(saved.sources) !== JSON.stringify(plan.sources)) await savePlan(directory, plan);
    } else await savePlan(directory, plan);
    // Workers elsewhere may well be at work, and go on.
    for (const { name } of options.remote ? [] : plan.runs) {
      if (existsSync(join(directory, name))) await waitUntilFree(join(directory, name), ORPHANS);
    }
    const states = await trainAll(plan, options);
    const { latency = true } = options;
    const models = states.filter(({ kind }) => kind === 'finished').length;
    if (latency && models > 0) options.onEvent?.({ kind: 'timing', models });
    const result = await sweepResult(plan, directory, states, { runtime: nodeRuntime, latency });
    throwIfStopped(signal);
    await writeJson(finished, result);
    return result;
  } finally {
    lock.release();
  }
}

/** As `checkNewRunDirectory`; the lock of a dead process that came no further is no obstacle. */
export async function checkNewSweepDirectory(directory: string): Promise<void> {
  if (existsSync(directory) && (await stat(directory)).isDirectory()) await waitUntilFree(directory, 0);
  await checkNewRunDirectory(directory);
}

/** Trains rung by rung until every run has ended; returns how. */
async function trainAll(plan: SweepPlan, options: SweepOptions): Promise<RunState[]> {
  const { directory, onEvent, signal } = options;
  const folder = (run: number) => join(directory, plan.runs[run]!.name);
  const record = (run: number) => readRecord(folder(run));
  const told = plan.runs.map(() => '');
  const look = async () => {
    const states = standings(plan, await Promise.all(plan.runs.map((_, run) => record(run))));
    for (const [run, state] of states.entries()) {
      const text = JSON.stringify(state);
      if (state.kind === 'open' || text === told[run]) continue;
      told[run] = text;
      onEvent?.({ kind: 'state', run, state });
    }
    return states;
  };
  const { workers, launch, forget } = await placesFor(plan, options);
  for (;;) {
    const states = await look();
    const jobs = states.flatMap((state, run): Job[] => (state.kind === 'open' ? [{ run, until: state.until }] : []));
    if (jobs.length === 0) {
      await forget?.(true);
      return states;
    }
    const running = runJobs(jobs, {
      ...{ workers, launch },
      signal,
      isDone: async ({ run, until }) => hasReached(plan.runs[run]!.config, await record(run), until),
      onEvent,
      onDone: async () => void (await look()),
      onGivenUp: async ({ run }, error) => {
        await mkdir(folder(run), { recursive: true });
        const epochs = (await record(run)).rungs.at(-1)?.epoch ?? 0;
        const reason = `its process ended ${RESTARTS + 1} times in a row: ${error}`;
        await addFailure(folder(run), { kind: 'failed', epochs, reason });
        await look();
      },
    });
    await running.catch(async (error: unknown) => {
      // Nobody is to begin what nobody waits for; a queue that does not answer is no reason to hide the error.
      await forget?.(false).catch(() => undefined);
      throw error;
    });
  }
}

/** Where runs are trained: in processes of this machine, or by workers elsewhere, as many as there are. */
async function placesFor(
  plan: SweepPlan,
  { directory, remote, onEvent, ...options }: SweepOptions,
): Promise<Partial<RemotePlaces> & { readonly workers: number; readonly launch: Launch }> {
  if (remote) {
    const onTrouble = (what: string) => onEvent?.({ kind: 'trouble', what });
    const { launch, forget } = await remotePlaces(remote.queue, { plan, directory, ...remote, onTrouble });
    return { workers: Number.POSITIVE_INFINITY, launch, forget };
  }
  const threads = Math.max(...plan.runs.map(({ config }) => config.threads ?? availableParallelism()));
  const { workers = defaultWorkers(threads) } = options;
  const cores = bindCores(workers, threads);
  if (!cores.bound) onEvent?.({ kind: 'unbound', reason: cores.reason });
  return { workers, launch: processLauncher(directory, cores) };
}
