import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { runJson, type Started, startCli, strongIss, timelessMetrics, tiny } from './runCli.ts';

/** A training in which all that a checkpoint must carry matters: states, dropout's counter, units that die on the way. */
export const eventful = ['train', ...tiny, '--data', 'text', '--keep', '0.9', ...strongIss, '--epochs', '4'];

/** Waits until a training has done its first update; its end comes as an error. */
export async function untilTraining(run: Started): Promise<void> {
  const begun = new Promise<void>((resolve) => {
    const look = () => {
      if (/epoch \d+\/\d+ ./.test(run.stderr())) resolve();
    };
    run.child.stderr!.on('data', look);
    look();
  });
  const ended = run.finished.then(({ stderr }) => {
    throw new Error(`the training ended before it was stopped:\n${stderr}`);
  });
  await Promise.race([begun, ended]);
}

/**
 * Trains into `out` while killing the process at random moments, then to the end. Every other process writes a checkpoint
 * after each update, so that many kills hit the writing itself. Returns how many kills found the process alive.
 */
export async function trainWithKills(
  folder: string,
  out: string,
  kills: number,
  seed: number,
  training: readonly string[] = eventful,
): Promise<number> {
  const random = randomStream(seed);
  let landed = 0;
  for (let i = 0; landed < kills; i++) {
    const resume = existsSync(join(folder, out, 'config.json')) ? ['--resume'] : [];
    const every = i % 2 === 0 ? '1' : '13';
    const run = startCli([...training, '--out', out, '--checkpoint-every', every, ...resume], folder);
    await Promise.race([untilTraining(run), run.finished]).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, random() * 150));
    run.child.kill('SIGKILL');
    const { signal, code, stderr } = await run.finished;
    if (signal !== 'SIGKILL') {
      expect(code, stderr).toBe(0);
      break;
    }
    landed++;
  }
  await runJson([...training, '--out', out, '--resume'], folder);
  return landed;
}

/** Trains into `out` and is killed once on the way; a training that ended before the kill is begun anew. */
export async function trainWithOneKill(folder: string, out: string, training: readonly string[]): Promise<void> {
  for (let seed = 1; seed <= 5; seed++) {
    if ((await trainWithKills(folder, out, 1, seed, training)) === 1) return;
    rmSync(join(folder, out), { recursive: true, force: true });
  }
  throw new Error('five trainings ended before they were killed');
}

/** Checks that two runs made the same, byte for byte, the clock aside, and that nothing half written is left. */
export function expectSameRun(folder: string, out: string, reference: string): void {
  expect(timelessMetrics(join(folder, out))).toEqual(timelessMetrics(join(folder, reference)));
  const models = (run: string) => (JSON.parse(read(folder, run, 'result.json').toString()) as RunResult).models;
  expect(models(out)).toEqual(models(reference));
  // Checkpoints hold seconds.
  const files = readdirSync(join(folder, reference)).filter((file) => /\.(onnx|txt)$/.test(file));
  for (const file of files.filter((name) => name !== 'checkpoint.onnx')) {
    expect(read(folder, out, file).equals(read(folder, reference, file)), file).toBe(true);
  }
  expect(readdirSync(join(folder, out)).sort()).toEqual(readdirSync(join(folder, reference)).sort());
}

function read(folder: string, run: string, file: string): Buffer {
  return readFileSync(join(folder, run, file));
}
