import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/base/fields.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { loadWebGpuRuntime } from '../../src/runtime/webgpu.ts';
import { finishModels } from '../../src/train/finish.ts';
import type { TrainState } from '../../src/train/trainState.ts';
import { makeFolder, startCli } from '../support/runCli.ts';
import { softwareGpu, useSoftwareGpu } from '../support/softwareGpu.ts';
import { taskCases } from '../support/tasks.ts';
import { optionsFor, stateOf, steps } from '../support/training.ts';

/*
 * Trainings on a GPU, or on Chromium's driver in software where there is none: whether they are right, not how fast.
 */

useSoftwareGpu();
const gpu = await loadWebGpuRuntime().catch((error: Error): Runtime | undefined => {
  console.warn(`trainings on webgpu are skipped: ${error.message}`);
  return undefined;
});

const UPDATES = 50;
const RATE = 0.5;
const [text] = taskCases;
const cells: Readonly<Record<string, Settings>> = {
  lstm: { cell: 'lstm' },
  gru: { cell: 'gru' },
  rhn: { cell: 'rhn', depth: 2, hidden: [4], embedding: 4 },
};

let folder: string;
const made: TrainState[] = [];
beforeAll(() => {
  folder = makeFolder();
});
afterAll(async () => {
  for (const state of made) await state.release();
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(gpu === undefined)('on webgpu', () => {
  it.each(Object.entries(cells))('a language model of %s trains as on the CPU', async (_name, cell) => {
    const fields = { optimizer: 'sgd', learningRate: RATE, clip: 1, keep: 0.9, iss: 0.02, threshold: 0.02, ...cell };
    const options = optionsFor(text!.make({ ...fields, trainCollapsed: true }));
    const { state: here } = await stateOf(options);
    const { state: there } = await stateOf({ ...options, runtime: gpu! });
    made.push(here, there);
    expect(await there.placeNotes()).toEqual([expect.stringMatching(/^weights stay on the device: a step moves/)]);
    const expected = await steps(here, options.problem, [0, UPDATES], RATE);
    const got = await steps(there, options.problem, [0, UPDATES], RATE);
    for (const [i, { loss }] of expected.entries()) {
      expect(Math.abs(got[i]!.loss / loss - 1), `update ${i}`).toBeLessThan(1e-3);
    }
    await there.readBack();
    expect(there.units().alive).toEqual(here.units().alive);
    expect(Math.abs((await there.score()).totals.loss![0]! / (await here.score()).totals.loss![0]! - 1)).toBeLessThan(
      1e-3,
    );
    const kept = there.units().units.map((n) => [...Array(n).keys()]);
    const { slim } = await finishModels({ model: there.finished(), kept }, { ...options, runtime: gpu! });
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('a run of the command line ends with a slim model that is verified there', async () => {
    const sizes = ['--hidden', '6,6', '--embedding', '6', '--batch', '4', '--steps', '5', '--epochs', '1'];
    const args = ['train', 'iss-small', ...sizes, '--train-tokens', '600', '--device', 'webgpu', '--out', 'run'];
    const run = await startCli(args, folder, softwareGpu()).finished;
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toMatch(/weights stay on the device: a step moves \S+ k?B there and back/);
    const saved = (file: string) => JSON.parse(readFileSync(join(folder, 'run', file), 'utf8')) as object;
    expect(saved('config.json')).toMatchObject({ device: 'webgpu' });
    expect(saved('result.json')).toMatchObject({ engine: expect.stringMatching(/WebGPU/) });
  });
});
