import { expect, it } from 'vitest';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Ending, Job, Launch } from './childProcess.ts';
import { type PoolOptions, RESTARTS, runJobs } from './pool.ts';

/** A pool of two whose workers end as `endings` says, one after the other for each run; `{}` does the job. */
function pool(endings: Record<number, Ending[]>, options: Partial<PoolOptions> = {}) {
  const done = new Set<number>();
  const log: string[] = [];
  const launch: Launch = ({ run }) => {
    const ending = endings[run]?.shift() ?? {};
    if (ending.error === undefined) done.add(run);
    return { ended: Promise.resolve(ending), stop: () => undefined };
  };
  const all: PoolOptions = {
    workers: 2,
    launch,
    isDone: async ({ run }) => done.has(run),
    onEvent: (e) => {
      if (e.kind === 'start') log.push(`start ${e.run}`);
      if (e.kind === 'restart') log.push(`restart ${e.run} ${e.error} ${e.restart}`);
    },
    onDone: async ({ run }) => void log.push(`done ${run}`),
    onGivenUp: async ({ run }, error) => void log.push(`given up ${run} ${error}`),
    ...options,
  };
  return { log, all };
}

const jobs = (...runs: number[]): Job[] => runs.map((run) => ({ run, until: 1 }));

it('starts a worker again that was killed', async () => {
  const { log, all } = pool({ 1: [{ error: 'killed by SIGKILL', blame: 'process' }] });
  await runJobs(jobs(0, 1, 2), all);
  expect(log.sort()).toEqual([
    'done 0',
    'done 1',
    'done 2',
    'restart 1 killed by SIGKILL 1',
    'start 0',
    'start 1',
    'start 2',
  ]);
});

it('gives up in the end, and goes on with the others', async () => {
  const { log, all } = pool({ 0: Array(RESTARTS + 1).fill({ error: 'killed', blame: 'process' }) });
  await runJobs(jobs(0, 1), all);
  expect(log.filter((line) => line.startsWith('restart'))).toHaveLength(RESTARTS);
  expect(log).toContain('given up 0 killed');
  expect(log).toContain('done 1');
});

it('does not give up what gets on', async () => {
  const { all, log } = pool({});
  let starts = 0;
  const metrics = { epoch: 1, learningRate: 1, train: { loss: 1 }, valid: { loss: 1 }, units: [], alive: [] };
  const rest = { parameters: 0, penalty: 0, seconds: 0, itemsPerSecond: 0 };
  const launch: Launch = (_job, _slot, onEpoch) => {
    starts++;
    onEpoch({ ...metrics, ...rest });
    return { ended: Promise.resolve({ error: 'killed', blame: 'process' }), stop: () => undefined };
  };
  await runJobs(jobs(0), { ...all, launch, isDone: async () => starts === 3 * RESTARTS });
  expect(log).toContain('done 0');
});

it.each(['user', 'surroundings'] as const)('what another try would not mend (%s) ends the sweep', async (blame) => {
  const { all, log } = pool({ 0: [{ error: 'the disk is full', blame }] });
  const error = await runJobs(jobs(0), all).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(blame === 'user' ? UsageError : SlimError);
  expect(error).toHaveProperty('message', 'the disk is full');
  expect(log).toEqual(['start 0']);
});

it('a failure of the parent ends all workers', async () => {
  let stopped = false;
  let end: (ending: Ending) => void = () => undefined;
  const launch: Launch = ({ run }) => {
    if (run === 0) return { ended: Promise.resolve({}), stop: () => undefined };
    const stop = () => {
      stopped = true;
      end({ error: 'stopped', blame: 'process' });
    };
    return { ended: new Promise((resolve) => (end = resolve)), stop };
  };
  const onDone = () => Promise.reject(new Error('the disk is full'));
  const { all } = pool({}, { launch, isDone: async ({ run }) => run === 0, onDone });
  await expect(runJobs(jobs(0, 1, 2), all)).rejects.toThrow('the disk is full');
  expect(stopped).toBe(true);
});

it('aborting asks the workers to end and begins no more', async () => {
  const stop = new AbortController();
  let launched = 0;
  const launch: Launch = () => {
    launched++;
    let end: (ending: Ending) => void;
    const ended = new Promise<Ending>((resolve) => (end = resolve));
    return { ended, stop: () => end({ error: 'stopped', blame: 'process' }) };
  };
  const { all } = pool({}, { launch, isDone: async () => false, signal: stop.signal });
  setTimeout(() => stop.abort(), 10);
  await expect(runJobs(jobs(0, 1, 2), all)).rejects.toThrow('--resume goes on');
  expect(launched).toBe(2);
});
