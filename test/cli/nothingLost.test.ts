import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventful, expectSameRun, trainWithKills, untilTraining } from '../support/killing.ts';
import { makeFolder, runCli, runJson, snapshot, startCli, tiny, writeCorpus } from '../support/runCli.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  await runJson([...eventful, '--out', 'reference'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the eventful training and stops it by a signal in its first epochs. */
async function interrupted(out: string, signal: NodeJS.Signals) {
  const run = startCli([...eventful, '--out', out], folder);
  await untilTraining(run);
  run.child.kill(signal);
  return run.finished;
}

it('the reference has seen units die in the middle of epochs', () => {
  const metrics = readFileSync(at('reference', 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  expect(metrics).toHaveLength(4);
  const { units } = JSON.parse(metrics[3]!) as { units: number[] };
  expect(units.reduce((a, b) => a + b, 0)).toBeLessThan(24);
});

it('three kills change nothing', async () => {
  expect(await trainWithKills(folder, 'killed', 3, 11)).toBeGreaterThanOrEqual(2);
  expectSameRun(folder, 'killed', 'reference');
});

it.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s writes a checkpoint; the run goes on from there', async (signal, expected) => {
  const out = `stopped-by-${signal}`;
  const { code, stdout, stderr } = await interrupted(out, signal);
  expect(code).toBe(expected);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/error: stopped in epoch \d; --resume goes on from here\n$/);
  expect(readdirSync(at(out)).sort()).toEqual(['checkpoint.onnx', 'config.json', 'metrics.jsonl']);
  await runJson([...eventful, '--out', out, '--resume'], folder);
  expectSameRun(folder, out, 'reference');
});

it('a hang-up that nohup asks to ignore is ignored', async () => {
  const run = startCli([...eventful, '--out', 'hung-up'], folder, { _: '/usr/bin/nohup' });
  await untilTraining(run);
  run.child.kill('SIGHUP');
  expect((await run.finished).code).toBe(0);
  expectSameRun(folder, 'hung-up', 'reference');
});

it('what a killed process left half written goes, also where nothing else is left', async () => {
  mkdirSync(at('leftover'));
  writeFileSync(at('leftover', '.config.json.0123456789ab.tmp'), '{');
  await runJson([...eventful, '--out', 'leftover'], folder);
  expectSameRun(folder, 'leftover', 'reference');
});

it('metrics that lag behind the checkpoint are completed', async () => {
  await runJson([...eventful, '--out', 'lagging'], folder);
  rmSync(at('lagging', 'result.json'));
  const lines = readFileSync(at('lagging', 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  writeFileSync(at('lagging', 'metrics.jsonl'), `${lines.slice(0, -1).join('\n')}\n`);
  await runJson([...eventful, '--out', 'lagging', '--resume'], folder);
  expectSameRun(folder, 'lagging', 'reference');
});

it('divergence keeps the last good checkpoint and says what to do', async () => {
  const args = ['train', ...tiny, '--data', 'text', '--learning-rate', '1e30', '--out', 'diverged'];
  const first = await runCli([...args, '--checkpoint-every', '1'], folder);
  expect(first.code).toBe(1);
  expect(first.stdout).toBe('');
  expect(first.stderr).toMatch(/^error: training diverged: .* in epoch 1 at update \d+ \(learning rate 1e\+30\)/m);
  expect(first.stderr).toMatch(/lower --learning-rate or --clip.*checkpoint.*diverged\.$/m);
  // It loads, and goes on to the same end.
  const before = snapshot(at('diverged'));
  const again = await runCli([...args, '--resume'], folder);
  expect(again.code).toBe(1);
  const end = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('error:'));
  expect(end(again.stderr)).toEqual(end(first.stderr));
  expect(snapshot(at('diverged'))).toEqual(before);
});

const isRoot = process.getuid?.() === 0;

describe.skipIf(!canMount())('a small disk (needs Linux, root and mount)', () => {
  const mounted: string[] = [];

  afterEach(() => {
    for (const path of mounted.splice(0)) execFileSync('umount', [path]);
  });

  /** A file system of 300 kB. */
  function smallDisk(name: string): string {
    mkdirSync(at(name));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', at(name)]);
    mounted.push(at(name));
    return name;
  }

  it('that is full fails clearly; the last good checkpoint goes on', async () => {
    const disk = smallDisk('disk');
    const out = `${disk}/run`;
    expect((await interrupted(out, 'SIGINT')).code).toBe(130);
    // Room for metrics, but not for another checkpoint.
    const used = readdirSync(at(out)).reduce(
      (sum, file) => sum + 4096 * Math.ceil(statSync(at(out, file)).size / 4096),
      0,
    );
    writeFileSync(at(disk, 'filler'), Buffer.alloc(300 * 1024 - used - 3 * 4096));
    const checkpoint = readFileSync(at(out, 'checkpoint.onnx'));
    const { code, stdout, stderr } = await runCli([...eventful, '--out', out, '--resume'], folder);
    expect(stderr).toMatch(/^error: cannot write disk\/run\/checkpoint.onnx: the disk is full$/m);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(readFileSync(at(out, 'checkpoint.onnx')).equals(checkpoint)).toBe(true);
    rmSync(at(disk, 'filler'));
    await runJson([...eventful, '--out', out, '--resume'], folder);
    expectSameRun(folder, out, 'reference');
  });

  it('that is read-only is refused before work starts', async () => {
    const disk = smallDisk('fixed');
    const out = `${disk}/run`;
    await interrupted(out, 'SIGINT');
    execFileSync('mount', ['-o', 'remount,ro', at(disk)]);
    for (const args of [
      ['--out', out, '--resume'],
      ['--out', `${disk}/new`],
    ]) {
      const { code, stderr } = await runCli([...eventful, ...args], folder);
      expect(stderr).toMatch(/^error: .*run directory fixed\/.*the file system is read-only$/m);
      expect(stderr).not.toContain('epoch');
      expect(code).toBe(2);
    }
  });
});

it.skipIf(isRoot || process.platform === 'win32')('a read-only folder is refused before work starts', async () => {
  mkdirSync(at('locked'));
  chmodSync(at('locked'), 0o555);
  const { code, stderr } = await runCli([...eventful, '--out', 'locked/run'], folder);
  expect(stderr).toMatch(/^error: cannot write to the run directory locked\/run: permission denied$/m);
  expect(code).toBe(2);
});

/** Tries it: containers often forbid even root to mount. */
function canMount(): boolean {
  if (process.platform !== 'linux' || !isRoot) return false;
  const trial = makeFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', trial], { stdio: 'ignore' });
    execFileSync('umount', [trial]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}
