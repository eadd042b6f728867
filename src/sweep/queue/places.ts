import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { packageVersion } from '../../base/environment.ts';
import { readJson, writeJson } from '../../runs/runDirectory.ts';
import { epochMetricsSchema } from '../../train/metrics.ts';
import type { Job, Launch } from '../childProcess.ts';
import type { SweepPlan } from '../plan.ts';
import { planDocument } from '../planFile.ts';
import { readRecord } from '../runRecord.ts';
import { hasReached } from '../standings.ts';
import { unpack } from './carry.ts';
import { QUEUE_FORMAT, type Trial, trialKey } from './trial.ts';
import type { Seen, TrialQueue } from './trialQueue.ts';

/** In the folder of a sweep: names it, so that workers can tell whether they see the same folder. */
export const SWEEP_ID = 'queue.json';
const idSchema = z.object({ id: z.string() });

/** Milliseconds between two looks at the queue. */
const LOOK = 1000;
/** Looks after which it is asked whether every trial is still there: a server that was restarted may have lost some. */
const LOOKS = 5;

/** How a sweep is spread over workers elsewhere. */
export interface RemoteOptions {
  readonly plan: SweepPlan;
  readonly directory: string;
  readonly collects: boolean;
  /** Told when the queue does not answer any more, and when it does again. */
  readonly onTrouble?: ((text: string) => void) | undefined;
}

/** Workers elsewhere, reached through a queue. */
export interface RemotePlaces {
  readonly launch: Launch;
  /** Takes out of the queue what no worker has begun; of a sweep that is over everything. */
  forget(isOver: boolean): Promise<void>;
}

/** A trial that is waited for. */
interface Awaited {
  readonly trial: Trial;
  readonly job: Job;
  onEpoch(progress: unknown): void;
  end(ending: { error?: undefined } | { error: string; blame: 'user' | 'surroundings' | 'process' }): void;
}

/** The identifier of a sweep's folder, which makes it the first time. */
export async function sweepId(directory: string): Promise<string> {
  const file = join(directory, SWEEP_ID);
  if (existsSync(file)) return idSchema.parse(await readJson(file)).id;
  const id = randomUUID();
  await writeJson(file, { id });
  return id;
}

/**
 * Launches runs through a queue: a launched run is a trial in it, and ends when a worker has sent what its folder holds.
 * Trials are keyed by what determines them, so a coordinator that was killed finds again what its workers have done.
 */
export async function remotePlaces(queue: TrialQueue, options: RemoteOptions): Promise<RemotePlaces> {
  const { plan, directory, collects } = options;
  const id = await sweepId(directory);
  const awaited = new Map<string, Awaited>();
  const watch = watching(queue, awaited, options);
  const launch: Launch = (job, _slot, onEpoch) => {
    const run = plan.runs[job.run]!;
    const key = trialKey(id, run, job.until);
    const own = planDocument({ ...plan, runs: [run], sources: absolute(plan.sources) });
    const trial: Trial = {
      ...{ format: QUEUE_FORMAT, version: packageVersion(), sweep: id, directory: resolve(directory) },
      ...{ run: job.run, name: run.name, until: job.until, plan: own, collects },
    };
    let epoch = 0;
    const ended = new Promise<Parameters<Awaited['end']>[0]>((resolve) => {
      awaited.set(key, {
        ...{ trial, job },
        onEpoch(progress) {
          const { data } = epochMetricsSchema.safeParse(progress);
          if (data === undefined || data.epoch <= epoch) return;
          epoch = data.epoch;
          onEpoch(data);
        },
        end(ending) {
          awaited.delete(key);
          resolve(ending);
        },
      });
    });
    watch();
    return { ended, stop: () => awaited.get(key)?.end({}) };
  };
  return { launch, forget: (isOver) => queue.forget(id, isOver) };
}

function absolute(sources: SweepPlan['sources']): SweepPlan['sources'] {
  return Object.fromEntries(
    Object.entries(sources).map(([name, path]: [string, string | undefined]) => [name, path && resolve(path)]),
  );
}

/** Looks at the queue again and again while trials are awaited. Returns what begins it. */
function watching(queue: TrialQueue, awaited: Map<string, Awaited>, options: RemoteOptions): () => void {
  const { plan, directory, onTrouble } = options;
  let isWatching = false;
  let isLost = false;
  const receive = async (key: string, { job, onEpoch, end }: Awaited, seen: Seen) => {
    if (seen.kind === 'active') return onEpoch(seen.progress);
    if (seen.kind === 'done' && !(await isThere(job)))
      await unpack(join(directory, plan.runs[job.run]!.name), seen.carried);
    await queue.remove(key);
    end(seen.kind === 'done' ? {} : { error: seen.error, blame: seen.blame });
  };
  // Workers that share the folder have written there themselves.
  const isThere = async ({ run, until }: Job) => {
    const { name, config } = plan.runs[run]!;
    return hasReached(config, await readRecord(join(directory, name)), until);
  };
  const known = new Set<string>();
  const look = async (isThorough: boolean) => {
    for (const [key, { trial }] of awaited) {
      if (known.has(key) && (!isThorough || (await queue.has(key)))) continue;
      await queue.put(key, trial);
      known.add(key);
    }
    for (const [key, seen] of await queue.look()) {
      const wanted = awaited.get(key);
      if (wanted === undefined) continue;
      if (seen.kind !== 'active') known.delete(key);
      await receive(key, wanted, seen);
    }
  };
  const watch = async () => {
    for (let looks = 0; awaited.size > 0; looks++) {
      try {
        await look(looks % LOOKS === 0);
        if (isLost) onTrouble?.('the queue answers again');
        isLost = false;
      } catch (error) {
        if (!isLost) onTrouble?.(`the queue does not answer (${(error as Error).message}); trying again`);
        isLost = true;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
    isWatching = false;
  };
  return () => {
    if (isWatching) return;
    isWatching = true;
    void watch();
  };
}
