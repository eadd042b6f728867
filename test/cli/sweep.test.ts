import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import { expectSameRun } from '../support/killing.ts';
import { makeFolder, runCli, runJson, type Started, snapshot, startCli, tiny, writeCorpus } from '../support/runCli.ts';
import { lockedRuns, until } from '../support/sweeping.ts';

/*
 * A sweep of six λ: whatever is killed while it is under way, it ends with the table that it would have had.
 */

let folder: string;
let reference: SweepResult;
const at = (...path: string[]) => join(folder, ...path);
const short = [...tiny, '--data', 'text', '--threshold', '0.03', '--shrink-every', '20', '--no-latency'];
const six = ['sweep', ...short, '--epochs', '4', '--iss', '0.005..0.04', '--count', '6', '--workers', '2'];

vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  reference = await runJson<SweepResult>([...six, '--out', 'reference'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const locked = (out: string) => lockedRuns(at(out));

/** Lines about finished stretches so far. */
const milestones = (run: Started) =>
  run
    .stderr()
    .split('\n')
    .filter((line) => / after epoch \d/.test(line)).length;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Same rows, and byte for byte the same models, the clock aside; nothing half written or locked is left. */
function expectSameSweep(out: string): void {
  const saved = JSON.parse(readFileSync(at(out, 'sweep-result.json'), 'utf8')) as SweepResult;
  expect(saved.rows).toEqual(reference.rows);
  const files = (sweep: string) => readdirSync(at(sweep), { recursive: true, encoding: 'utf8' }).sort();
  expect(files(out)).toEqual(files('reference'));
  for (const { run, state } of reference.rows) {
    if (state === 'finished') expectSameRun(folder, join(out, run), join('reference', run));
  }
}

describe('a table', () => {
  it('holds all runs, and those that were stopped as they stood', () => {
    const { rows } = reference;
    expect(rows.map(({ varied }) => varied.iss)).toEqual([0.005, 0.007579, 0.01149, 0.01741, 0.02639, 0.04]);
    expect(rows.filter(({ state }) => state === 'finished')).toHaveLength(3);
    // The largest λ takes all units.
    const alive = rows.filter(({ state }) => state !== 'collapsed');
    expect(alive.length).toBeGreaterThanOrEqual(4);
    for (const { state, reason, front } of rows.slice(alive.length)) {
      expect([state, front]).toEqual(['collapsed', { size: false, latency: false }]);
      expect(reason).toMatch(/^training collapsed in epoch \d of 4: /);
    }
    for (const row of alive) {
      const isFinished = row.state === 'finished';
      expect(row.epochs).toBe(isFinished ? 4 : 2);
      expect(row.scores.valid!.perplexity).toBeGreaterThan(1);
      expect(row.scores.test !== undefined).toBe(isFinished);
      expect(existsSync(at('reference', row.run, 'slim.onnx'))).toBe(isFinished);
      expect(row.parameters).toBeGreaterThan(0);
      if (!isFinished) expect(row.front).toEqual({ size: false, latency: false });
    }
    expect(alive.at(-1)!.parameters!).toBeLessThan(rows[0]!.parameters!);
    expect(rows.some(({ front }) => front.size)).toBe(true);
  });

  it('is in sweep-result.json with what made it', () => {
    expect(JSON.parse(readFileSync(at('reference', 'sweep-result.json'), 'utf8'))).toEqual(reference);
    const scores = [{ name: 'perplexity', better: 'lower', decimals: 2 }];
    expect(reference).toMatchObject({ format: 2, seeds: [1], rungs: [2], eta: 2, sources: { data: 'text' }, scores });
    expect(reference.environment.command).toContain('slimrnn sweep zaremba-small');
  });

  it('is printed for people too, also once more by --resume', async () => {
    const before = snapshot(at('reference'));
    const { code, stdout } = await runCli(['sweep', 'reference', '--resume'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/λ +state +epochs +valid ppl +test ppl +units +parameters +size +front/);
    expect(stdout).toMatch(/0\.01149 .*\n/);
    expect(snapshot(at('reference'))).toEqual(before);
  });

  it('has the runs that train alone would make', async () => {
    const { run, varied } = reference.rows.find(({ state }) => state === 'finished')!;
    const train = short.filter((flag) => flag !== '--no-latency');
    await runJson(['train', ...train, '--epochs', '4', '--iss', String(varied.iss), '--out', 'alone'], folder);
    for (const file of ['model.onnx', 'slim.onnx']) {
      expect(readFileSync(at('reference', run, file)).equals(readFileSync(at('alone', file))), file).toBe(true);
    }
  });
});

describe('nothing is lost', () => {
  it('when workers are killed', async () => {
    const random = randomStream(5);
    const sweep = startCli([...six, '--out', 'workers', '--checkpoint-every', '40'], folder);
    for (const [kill, milestone] of [0, 3, 6].entries()) {
      await until(sweep, () => milestones(sweep) >= milestone && locked('workers').length > 0);
      await pause(random() * 300);
      await until(sweep, () => locked('workers').length > 0);
      process.kill(locked('workers')[0]!.pid, 'SIGKILL');
      await until(sweep, () => sweep.stderr().split('killed by SIGKILL').length > kill + 1);
    }
    const { code, stderr } = await sweep.finished;
    expect(code, stderr).toBe(0);
    expectSameSweep('workers');
  });

  it('when the parent is killed, and its workers end by themselves', async () => {
    const random = randomStream(6);
    const workers = new Set<number>();
    for (const milestone of [0, 3, 2]) {
      const resume = existsSync(at('parent', 'sweep.json')) ? ['--resume'] : [];
      const sweep = startCli([...six, '--out', 'parent', ...resume], folder);
      await until(
        sweep,
        () => sweep.stderr().split('trains to epoch').length > milestone + 1 && locked('parent').length > 0,
      );
      await pause(random() * 300);
      for (const { pid } of locked('parent')) workers.add(pid);
      sweep.child.kill('SIGKILL');
      expect((await sweep.finished).signal).toBe('SIGKILL');
    }
    await runJson(['sweep', 'parent', '--resume', '--no-latency'], folder);
    expectSameSweep('parent');
    for (const pid of workers) expect(isRunning(pid), String(pid)).toBe(false);
  });

  it('when Ctrl-C stops it', async () => {
    const two = ['sweep', ...short, '--epochs', '3', '--iss', '0.01,0.02', '--no-halving', '--out', 'stopped'];
    const sweep = startCli(two, folder);
    await until(sweep, () => locked('stopped').length > 0);
    sweep.child.kill('SIGINT');
    const { code, stderr } = await sweep.finished;
    expect(stderr).toMatch(/^error: stopped; --resume goes on from here$/m);
    expect(code).toBe(130);
    expect(locked('stopped')).toEqual([]);
    const { rows } = await runJson<SweepResult>([...two, '--resume'], folder);
    expect(rows.map(({ state, epochs }) => [state, epochs])).toEqual(Array(2).fill(['finished', 3]));
  });

  it('when a run was given up: --resume tries it again', async () => {
    cpSync(at('reference'), at('given-up'), { recursive: true });
    const { run } = reference.rows[2]!;
    rmSync(at('given-up', run), { recursive: true });
    mkdirSync(at('given-up', run));
    const failure = { kind: 'failed', epochs: 0, reason: 'its process ended 6 times in a row: killed by SIGKILL' };
    writeFileSync(at('given-up', run, 'failure.json'), JSON.stringify(failure));
    const { code, stderr } = await runCli(['sweep', 'given-up', '--resume', '--no-latency'], folder);
    expect(code, stderr).toBe(0);
    expectSameSweep('given-up');
  });

  it('when a run was trained further by hand: the sweep stops, says what to do, and that helps', async () => {
    cpSync(at('reference'), at('further'), { recursive: true });
    const { run } = reference.rows.find(({ state }) => state === 'stopped')!;
    expect((await runCli(['train', join('further', run), '--resume'], folder)).code).toBe(0);
    rmSync(at('further', run, 'rungs.json'));
    rmSync(at('further', 'sweep-result.json'));
    const resume = ['sweep', 'further', '--resume', '--no-latency'];
    const { code, stderr } = await runCli(resume, folder);
    expect(stderr).toMatch(/^error: .* was trained further by another command; delete the folder, and --resume/m);
    expect(code).toBe(2);
    rmSync(at('further', run), { recursive: true });
    expect((await runCli(resume, folder)).code).toBe(0);
    expectSameSweep('further');
  });

  it('when another process wants the same sweep', async () => {
    const two = ['sweep', ...short, '--epochs', '3', '--iss', '0.01,0.02', '--out', 'contested'];
    const first = startCli(two, folder);
    await until(first, () => locked('contested').length > 0);
    const second = await runCli(['sweep', 'contested', '--resume'], folder);
    expect(second.stderr).toMatch(/^error: contested is in use by process \d+; wait for it or end it$/m);
    expect(second.code).toBe(1);
    expect((await first.finished).code).toBe(0);
  });
});

/** Zombies that nobody has buried count as gone. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

it('a run that diverges is a row with its reason', async () => {
  const args = ['sweep', ...short, '--epochs', '2', '--learning-rate', '1,1e30', '--out', 'wild'];
  const { code, stdout } = await runCli(args, folder);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ +1e\+30 +diverged +0 +– /m);
  expect(stdout).toMatch(
    /2-learningRate-1e-30: training diverged: .* in epoch 1 at update \d+ \(learning rate 1e\+30\)$/m,
  );
  const { rows } = JSON.parse(readFileSync(at('wild', 'sweep-result.json'), 'utf8')) as SweepResult;
  expect(rows.map(({ state }) => state)).toEqual(['finished', 'diverged']);
});

it('latencies are measured against the dense run, other methods are judged by what is not zero', async () => {
  const timed = short.filter((flag) => flag !== '--no-latency');
  const args = ['sweep', ...timed, '--epochs', '2', '--magnitude', '0.5,0.9', '--prune-every', '10', '--out', 'timed'];
  const { rows, reference: first } = await runJson<SweepResult>(args, folder);
  expect(first).toBe(rows[0]!.run);
  expect(rows[0]!.latency).toMatchObject({ speedup1: 1, speedup10: 1 });
  for (const { latency } of rows) expect(latency!.batch10).toBeGreaterThan(latency!.batch1 / 10);
  expect(rows[1]!.nonzero!).toBeLessThan(rows[0]!.nonzero! / 2);
  expect((await runCli(['sweep', 'timed', '--resume'], folder)).stdout).toMatch(/parameters +not zero +size +batch 1/);
});

describe.concurrent('what cannot be meant is refused before anything starts', () => {
  const iss = ['--iss', '1e-3..1e-2', '--count', '4'];
  const one = ['sweep', ...short, '--out', 'new'];
  const cases: [title: string, args: string[], ...words: (string | RegExp)[]][] = [
    ['an unknown field', [...one, '--is', '1,2'], "unknown option '--is'"],
    ['an unknown preset', ['sweep', 'iss-smal', ...iss], "did you mean 'iss-small'"],
    ['nothing to compare', one, 'at least 2 runs'],
    ['one value', [...one, '--iss', '0.001'], 'at least 2 runs'],
    ['an empty range', [...one, '--iss', '1e-2..1e-3', '--count', '4'], '--iss', 'the range is empty'],
    ['a range from zero', [...one, '--iss', '0..1e-3', '--count', '4'], '--iss', 'above 0'],
    ['λ below zero', [...one, '--iss', '0.1,-0.1'], '--iss', 'at least 0', 'got -0.1'],
    ['a range without --count', [...one, '--iss', '1e-3..1e-2'], '--count'],
    ['--count 1', [...one, '--iss', '1e-3..1e-2', '--count', '1'], '--count 1', 'at least 2'],
    ['--count without a range', [...one, '--iss', '1e-3,1e-2', '--count', '4'], '--count', 'there is none'],
    ['words for numbers', [...one, '--keep', '0.5,much'], '--keep', "got 'much'"],
    ['a value out of bounds', [...one, '--keep', '0.5,1.5'], '--keep', 'at most 1', 'got 1.5'],
    ['a contradiction', [...one, '--iss', '0,0.01', '--l1', '0,0.01'], 'run 4 (iss 0.01, l1 0.01)', 'choose one of'],
    ['a field of another kind', [...one, '--momentum', '0.5,0.9'], '--momentum needs --optimizer momentum'],
    ['missing text', ['sweep', ...tiny, '--data', 'nowhere', '--out', 'new', ...iss], 'nowhere does not exist'],
    ['a folder that is not empty', ['sweep', ...short, '--out', 'text', ...iss], 'text exists', '--resume'],
    ['no sweep to resume', [...one, ...iss, '--resume'], 'new is no sweep', 'without --resume'],
    ['a target out of reach', [...one, '--target', 'units=0.5,units=0.01'], '--target units=0.01 cannot be reached'],
    ['a rung after the end', [...one, ...iss, '--rungs', '3'], '--rungs 3', 'from 1 to 2'],
    ['a sweep without --resume', ['sweep', 'reference', ...iss], 'reference is a sweep: add --resume'],
    ['no workers', [...one, ...iss, '--workers', '0'], '--workers', "got '0'"],
    ['runs of different length', [...one, '--epochs', '2,3'], '--no-halving'],
    ['a model too large for memory', [...one, '--hidden', '12,12/1000000'], '--hidden 1000000', 'memory'],
    [
      'another sweep to resume',
      [...six, '--out', 'reference', '--resume', '--seed', '2'],
      'another sweep',
      'reference',
    ],
    ['fields for a sweep with a plan', ['sweep', 'reference', '--resume', '--keep', '0.5'], 'without --keep'],
    ['an absent model to start from', [...one, ...iss, '--init', 'nowhere'], '--init nowhere'],
  ];
  it.each(cases)('%s', async (_title, args, ...words) => {
    const before = snapshot(folder);
    const { code, stdout, stderr } = await runCli(args, folder);
    expect(
      stderr.split('\n').filter((line) => line.startsWith('error:')),
      stderr,
    ).toHaveLength(1);
    expect(stderr).not.toMatch(/^\s+at |unexpected error|trains to/m);
    for (const word of words) expect(stderr).toMatch(word);
    expect(code, stderr).toBe(2);
    expect(stdout).toBe('');
    expect(snapshot(folder)).toEqual(before);
  });
});

it('text that has changed since is refused', async () => {
  cpSync(at('text'), at('changing'), { recursive: true });
  const two = [...short, '--epochs', '2', '--iss', '0.01,0.02', '--data', 'changing', '--out', 'changed'];
  await runJson<SweepResult>(['sweep', ...two], folder);
  rmSync(at('changed', 'sweep-result.json'));
  appendFileSync(at('changing', 'valid.txt'), 'the noun0a verb0b a thing0c\n');
  const { code, stderr } = await runCli(['sweep', 'changed', '--resume'], folder);
  expect(stderr).toMatch(/^error: changing has changed since the sweep began/m);
  expect(code).toBe(2);
});

it('a sweep of version 0.1 is refused by name', async () => {
  cpSync(at('reference'), at('old'), { recursive: true });
  const { format: _, ...plan } = JSON.parse(readFileSync(at('old', 'sweep.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(at('old', 'sweep.json'), JSON.stringify(plan));
  const before = snapshot(at('old'));
  const { code, stderr } = await runCli(['sweep', 'old', '--resume'], folder);
  expect(stderr).toMatch(
    /^error: old was begun by version 0\.1 of slimrnn, whose sweeps this version cannot go on with/m,
  );
  expect(code).toBe(2);
  expect(snapshot(at('old'))).toEqual(before);
});
