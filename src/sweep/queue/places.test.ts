import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { environment } from '../../base/environment.ts';
import { presets } from '../../tasks/registry.ts';
import { gridRuns } from '../grid.ts';
import type { SweepPlan } from '../plan.ts';
import { readRecord } from '../runRecord.ts';
import { carriedFrom } from './carry.ts';
import { remotePlaces } from './places.ts';
import type { Trial } from './trial.ts';
import type { Seen, TrialQueue } from './trialQueue.ts';

/*
 * A coordinator on a queue that is made up: what it puts there, and what it does with what comes back.
 */

const runs = gridRuns({ base: presets['iss-small']! }, { iss: [0.001, 0.002] });
const plan: SweepPlan = {
  ...{ runs: runs.map((run, i) => ({ ...run, digest: `digest ${i}` })), rungs: [7], eta: 2, sources: { data: 'text' } },
  ...{ items: 'tokens', scores: [{ name: 'perplexity', better: 'lower', decimals: 2 }], environment: environment() },
};
const rung = { epoch: 7, epochs: 7, scores: { perplexity: 90 }, hidden: [3], parameters: 10, nonzero: 9 };

let directory: string;
let trials: Map<string, Trial>;
let seen: Map<string, Seen>;
let isDown: boolean;
const queue: TrialQueue = {
  async put(key, trial) {
    if (isDown) throw new Error('nobody listens');
    if (!trials.has(key)) trials.set(key, trial);
  },
  look: async () => seen,
  has: async (key) => trials.has(key),
  async remove(key) {
    trials.delete(key);
    seen.delete(key);
  },
  forget: async () => trials.clear(),
  close: async () => undefined,
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  directory = mkdtempSync(join(tmpdir(), 'slimrnn-queue-'));
  [trials, seen, isDown] = [new Map(), new Map(), false];
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

/** Lets looks at the queue pass until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 20_000 && !holds(); i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(holds()).toBe(true);
}

/** What a worker sends that has brought a run to its rung. */
async function sent() {
  const folder = join(directory, 'elsewhere');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rungs.json'), JSON.stringify([rung]));
  writeFileSync(join(folder, 'metrics.jsonl'), '{}\n');
  writeFileSync(join(folder, 'checkpoint.onnx'), 'large');
  return carriedFrom(folder, true);
}

describe('a coordinator', () => {
  it('puts a trial into the queue, and into the folder of its run what comes back', async () => {
    const { launch } = await remotePlaces(queue, { plan, directory, collects: false });
    const { ended } = launch({ run: 1, until: 7 }, 0, () => undefined);
    await until(() => trials.size === 1);
    const [[key, trial]] = [...trials] as [[string, Trial]];
    expect(trial).toMatchObject({ run: 1, name: plan.runs[1]!.name, until: 7, directory, collects: false });
    const carried = await sent();
    expect(Object.keys(carried.files).sort()).toEqual(['metrics.jsonl', 'rungs.json']);
    seen.set(key, { kind: 'done', carried });
    await until(() => trials.size === 0);
    expect(await ended).toEqual({});
    expect((await readRecord(join(directory, plan.runs[1]!.name))).rungs).toEqual([rung]);
  });

  it('names trials by what determines them, also after it was killed', async () => {
    for (let i = 0; i < 2; i++) {
      const { launch } = await remotePlaces(queue, { plan, directory, collects: false });
      launch({ run: 0, until: 7 }, 0, () => undefined);
      launch({ run: 0, until: 13 }, 0, () => undefined);
      await until(() => trials.size === 2);
    }
    expect(trials.size).toBe(2);
  });

  it('puts a trial there again that a server has lost, and waits for one that is away', async () => {
    const told: string[] = [];
    isDown = true;
    const { launch } = await remotePlaces(queue, {
      plan,
      directory,
      collects: false,
      onTrouble: (text) => told.push(text),
    });
    launch({ run: 0, until: 7 }, 0, () => undefined);
    await until(() => told.length === 1);
    isDown = false;
    await until(() => trials.size === 1);
    trials.clear();
    await until(() => trials.size === 1);
    expect(told).toEqual(['the queue does not answer (nobody listens); trying again', 'the queue answers again']);
  });

  it('tells how a trial failed', async () => {
    const { launch } = await remotePlaces(queue, { plan, directory, collects: false });
    const { ended } = launch({ run: 0, until: 7 }, 0, () => undefined);
    await until(() => trials.size === 1);
    seen.set([...trials.keys()][0]!, { kind: 'failed', error: 'killed by SIGSEGV', blame: 'process' });
    await until(() => trials.size === 0);
    expect(await ended).toEqual({ error: 'killed by SIGSEGV', blame: 'process' });
  });
});
