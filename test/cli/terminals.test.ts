import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import { saveArrays } from '../../src/data/arrays.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { makeFolder, runJson, sentencesOf, tiny, writeCorpus } from '../support/runCli.ts';
import { lockedRuns } from '../support/sweeping.ts';
import { CTRL_C, codeOf, hasTerminals, type InTerminal, startInTerminal, untilShown } from '../support/terminal.ts';

/*
 * Keys and hang-ups of a real terminal, which reach the whole foreground group of processes.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

/** Trainings with one long epoch: a checkpoint comes at the beginning, and when they are stopped. */
const patient = ['--epochs', '1', '--batch', '1', '--threads', '1', '--checkpoint-every', '1000000'];
const text = [...tiny, '--data', 'long', ...patient];
const arrays = ['--data', 'long.npz', '--loss', 'cross-entropy', '--target-array', 'y', ...patient];
const commands = { train: ['train', ...text], finetune: ['finetune', 'model.onnx', ...arrays] };

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  writeCorpus(at('long'));
  writeFileSync(at('long', 'train.txt'), sentencesOf(20_000, randomStream(1)));
  await saveModel(at('model.onnx'), recurrentModel({ op: 'GRU', hidden: 12 }));
  await saveArrays(at('long.npz'), sumTask(20_000));
  await saveArrays(at('few.npz'), sumTask(200));
  await saveArrays(at('some.npz'), sumTask(2000));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Waits for the first update of a training in a terminal, or in its log. */
const untilTraining = (run: InTerminal, shown = run.shown) => untilShown(run, () => /epoch \d+\/\d+ /.test(shown()));

const read = (file: string) => {
  try {
    return readFileSync(at(file), 'utf8');
  } catch {
    return '';
  }
};

/** A run that was stopped has a checkpoint of that moment, and nothing that says that it goes on. */
async function expectStopped(out: string): Promise<void> {
  expect(readdirSync(at(out)).filter((name) => /^lock|^live|tmp$/.test(name))).toEqual([]);
  expect(await updatesOf(out)).toBeGreaterThan(0);
}

/** Updates that a run's checkpoint has. */
async function updatesOf(out: string): Promise<number> {
  const { metadata } = await loadModel(at(out, 'checkpoint.onnx'));
  return (JSON.parse(metadata['slimrnn.checkpoint']!) as { updates: number }).updates;
}

describe.skipIf(!hasTerminals)('a terminal (needs script of util-linux)', () => {
  describe.each(Object.entries(commands))('%s', (name, command) => {
    it('Ctrl-C stops it with a checkpoint', async () => {
      const out = `${name}-interrupted`;
      const run = startInTerminal([...command, '--out', out], folder);
      await untilTraining(run);
      run.type(CTRL_C);
      expect(await codeOf(run)).toBe(130);
      expect(run.shown()).toMatch(/stopping; Ctrl-C again ends at once/);
      expect(run.shown()).toMatch(/error: stopped in epoch 1; --resume goes on from here/);
      await expectStopped(out);
    });

    it('the loss of the terminal stops it with a checkpoint', async () => {
      const out = `${name}-hung-up`;
      const run = startInTerminal([...command, '--out', out], folder);
      await untilTraining(run);
      run.hangUp();
      expect(await codeOf(run)).toBe(129);
      await expectStopped(out);
    });

    const few = command.map((word) => (word === 'long' ? 'text' : word === 'long.npz' ? 'few.npz' : word));

    it('under nohup it goes on without the terminal', async () => {
      const out = `${name}-nohup`;
      const log = `${out}.log`;
      const run = startInTerminal([...few, '--epochs', '4', '--out', out], folder, {
        prefix: 'nohup',
        redirect: `> ${log} 2>&1`,
      });
      await untilTraining(run, () => read(log));
      run.hangUp();
      expect(await codeOf(run), read(log)).toBe(0);
      expect(readdirSync(at(out))).toContain('result.json');
    });

    it('a log on a full disk is no reason to stop', async () => {
      const out = `${name}-full-log`;
      const run = startInTerminal([...few, '--out', out], folder, { redirect: '2> /dev/full' });
      expect(await codeOf(run), run.shown()).toBe(0);
      expect(readdirSync(at(out))).toContain('result.json');
    });
  });

  it('a second Ctrl-C ends it at once, and the folder is free', async () => {
    const run = startInTerminal([...commands.train, '--out', 'twice'], folder);
    await untilTraining(run);
    while (run.code() === undefined) {
      run.type(CTRL_C);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(run.code()).toBe(130);
    expect(readdirSync(at('twice')).filter((name) => /^lock|^live/.test(name))).toEqual([]);
  });

  it('Ctrl-C stops a demo with a checkpoint of the run it is at', async () => {
    const sizes = ['--hidden', '8,8', '--embedding', '8', '--epochs', '1000'];
    const run = startInTerminal(['demo', ...sizes, '--checkpoint-every', '1000000', '--out', 'demo'], folder);
    await untilTraining(run);
    run.type(CTRL_C);
    expect(await codeOf(run), run.shown()).toBe(130);
    await expectStopped('demo/dense');
  });

  describe('compress', () => {
    const args = ['--inputs', 'some.npz', '--target', 'units=0.5', '--epochs', '100000', '--threads', '1'];
    const compress = ['compress', 'model.onnx', ...args, '--no-latency', '--no-report'];

    /** Nothing that was begun is left half done, and the folder is free for a process that goes on. */
    function expectFree(out: string): void {
      const files = readdirSync(at(out), { recursive: true, encoding: 'utf8' });
      expect(files.filter((name) => /(^|\/)(lock|live)\.|\.tmp$/.test(name))).toEqual([]);
    }

    it('Ctrl-C stops it with a checkpoint of the stage it is at', async () => {
      const run = startInTerminal([...compress, '--out', 'compress-interrupted'], folder);
      await untilTraining(run);
      run.type(CTRL_C);
      expect(await codeOf(run), run.shown()).toBe(130);
      expect(run.shown()).toMatch(/stopping; Ctrl-C again ends at once/);
      expect(run.shown()).toMatch(/error: stopped .*; --resume goes on from here/);
      expectFree('compress-interrupted');
      await expectStopped('compress-interrupted/stages/1/run');
    });

    it('Ctrl-C between two stages of work stops it as well', async () => {
      const run = startInTerminal([...compress, '--out', 'compress-cutting'], folder);
      await untilShown(run, () => run.shown().includes('cutting to'));
      run.type(CTRL_C);
      expect(await codeOf(run), run.shown()).toBe(130);
      expect(run.shown()).toMatch(/error: stopped.*; --resume goes on from here/);
      expectFree('compress-cutting');
    });

    it('the loss of the terminal stops it with a checkpoint', async () => {
      const run = startInTerminal([...compress, '--out', 'compress-hung-up'], folder);
      await untilTraining(run);
      run.hangUp();
      expect(await codeOf(run)).toBe(129);
      expectFree('compress-hung-up');
      await expectStopped('compress-hung-up/stages/1/run');
    });
  });

  describe('sweep', () => {
    const sweep = ['sweep', ...tiny, '--data', 'text', '--iss', '0.005,0.04', '--no-latency'];
    const running = (run: InTerminal, out: string) =>
      untilShown(run, () => lockedRuns(at(out)).length > 0 && existsSync(at(out, 'sweep.json')));
    let rows: unknown;

    beforeAll(async () => {
      rows = (await runJson<SweepResult>([...sweep, '--out', 'sweep'], folder)).rows;
    });

    /** No worker is left, nothing half written either, and the sweep goes on to the same table. */
    async function expectResumed(out: string): Promise<void> {
      const files = readdirSync(at(out), { recursive: true, encoding: 'utf8' });
      expect(files.filter((name) => /(^|\/)(lock|live)\.|\.tmp$/.test(name))).toEqual([]);
      expect(existsSync(at(out, 'sweep-result.json'))).toBe(false);
      expect((await runJson<SweepResult>(['sweep', out, '--resume', '--no-latency'], folder)).rows).toEqual(rows);
    }

    it('Ctrl-C stops it and its workers with checkpoints', async () => {
      const run = startInTerminal([...sweep, '--out', 'interrupted'], folder);
      await running(run, 'interrupted');
      run.type(CTRL_C);
      expect(await codeOf(run), run.shown()).toBe(130);
      expect(run.shown()).toMatch(/error: stopped; --resume goes on from here/);
      await expectResumed('interrupted');
    });

    it('the loss of the terminal stops it and its workers with checkpoints', async () => {
      const run = startInTerminal([...sweep, '--out', 'hung-up'], folder);
      await running(run, 'hung-up');
      run.hangUp();
      expect(await codeOf(run)).toBe(129);
      await expectResumed('hung-up');
    });

    const rowsOf = (out: string) => (JSON.parse(read(join(out, 'sweep-result.json'))) as SweepResult).rows;

    it('under nohup it goes on without the terminal', async () => {
      const run = startInTerminal([...sweep, '--out', 'nohup'], folder, { prefix: 'nohup', redirect: '> log 2>&1' });
      await running(run, 'nohup');
      run.hangUp();
      expect(await codeOf(run), read('log')).toBe(0);
      expect(rowsOf('nohup')).toEqual(rows);
    });

    it('a log on a full disk is no reason to stop', async () => {
      const run = startInTerminal([...sweep, '--out', 'full-log'], folder, { redirect: '2> /dev/full' });
      expect(await codeOf(run), run.shown()).toBe(0);
      expect(rowsOf('full-log')).toEqual(rows);
    });
  });
});
