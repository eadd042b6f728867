import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForecast } from '../../src/runs/forecast.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { SeedsResult } from '../../src/runs/seeds.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * What train does with a configuration besides one run: print it, forecast it, run it with several seeds.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const train = ['train', ...tiny, '--data', 'text', '--epochs', '1'];

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(at('text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('--print-config prints what train takes as a file, and does nothing', async () => {
  const { code, stdout } = await runCli([...train, '--iss', '0.01', '--print-config'], folder);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    method: { kind: 'group-lasso', iss: 0.01 },
    model: { kind: 'lstm', hidden: [12, 12] },
    sources: { data: 'text' },
    epochs: 1,
  });
  mkdirSync(at('configs'));
  writeFileSync(at('configs', 'mine.json'), stdout);
  expect((await runCli(['train', 'configs/mine.json', '--print-config'], folder)).stdout).toBe(stdout);
  expect(existsSync(at('runs'))).toBe(false);
});

it('every example of the help is a configuration', async () => {
  const { stdout } = await runCli(['train', '--help'], folder);
  const [, shown] = stdout.split('Examples:\n');
  const examples = shown!
    .trim()
    .replaceAll(/ \\\n\s+/g, ' ')
    .split('\n');
  const begun = examples.filter((example) => !example.includes('--resume'));
  expect(begun.length).toBeGreaterThan(4);
  for (const example of begun) {
    const { code, stderr } = await runCli([...example.trim().split(' ').slice(1), '--print-config'], folder);
    expect(code, `${example}: ${stderr}`).toBe(0);
  }
});

it.each(['--valid', '--test'])('%s, which a text takes from the folder of --data, is refused', async (flag) => {
  await expectRefused(folder, [...train, flag, 'text/valid.txt'], `${flag} goes into the folder of --data`);
});

it('--dry-run says what a run would do, and writes nothing', async () => {
  const before = readdirSync(folder);
  const { code, stdout } = await runCli([...train, '--dry-run'], folder);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^training {2}1 epochs of 1?\d\d updates/m);
  const forecast = await runJson<RunForecast>([...train, '--dry-run', '--seeds', '1,2'], folder);
  expect(forecast).toMatchObject({
    seeds: [1, 2],
    layers: [{ units: 12 }, { units: 12 }],
    directory: 'runs/zaremba-small',
  });
  expect(readdirSync(folder)).toEqual(before);
});

it('--seeds makes a run for each, and goes on where it was stopped', async () => {
  const args = [...train, '--seeds', '3,4', '--out', 'seeds'];
  const result = await runJson<SeedsResult>(args, folder);
  const perplexities = ['seed-3', 'seed-4'].map((name) => {
    const { models, config } = JSON.parse(readFileSync(at('seeds', name, 'result.json'), 'utf8')) as RunResult;
    expect(config.seed).toBe(Number(name.slice(-1)));
    return models[0]!.scores.valid!.perplexity!;
  });
  expect(perplexities[0]).not.toBe(perplexities[1]);
  const { values, mean } = result.models[0]!.scores.valid!.perplexity!;
  expect(values).toEqual(perplexities);
  expect(mean).toBeCloseTo((perplexities[0]! + perplexities[1]!) / 2, 10);

  rmSync(at('seeds', 'seed-4'), { recursive: true });
  const again = await runJson<SeedsResult>([...args, '--resume'], folder);
  expect(again.models).toEqual(result.models);
  const { stdout } = await runCli([...args, '--resume'], folder);
  expect(stdout).toMatch(/mean ± standard deviation of 2 runs, seeds 3, 4/);
});

it.each([
  [['--seeds', '1'], /^--seeds takes different whole numbers, at least two/],
  [['--seeds', '1,1'], /^--seeds takes different whole numbers/],
  [['--seeds', '1,2', '--seed', '3'], /^give one of --seed and --seeds/],
  [['--nosuch'], /^unknown option '--nosuch'/],
])('%j: an error is one document with --json', async (flags, message) => {
  const { code, stdout, stderr } = await runCli([...train, ...flags, '--json'], folder);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'usage', exitCode: 2, message: expect.stringMatching(message) },
  });
  expect(stderr).toMatch(/^error: /);
});

it('inspect, shrink and bench take a run directory', async () => {
  await runJson([...train, '--out', 'run'], folder);
  expect(await runJson(['inspect', 'run'], folder)).toMatchObject({
    file: 'run',
    layers: [{ units: 12 }, { units: 12 }],
  });
  const shrunk = await runJson<{ model: string }>(['shrink', 'run', '--keep', '0.5', '--out', 'half.onnx'], folder);
  expect(shrunk.model).toBe(join('run', 'model.onnx'));
  const bench = ['bench', 'run', 'half.onnx', '--rounds', '1', '--batch', '1', '--threads', '1'];
  const { models } = await runJson<{ models: { name: string; file: string }[] }>(bench, folder);
  expect(models.map(({ name, file }) => [name, file])).toEqual([
    ['run', join('run', 'model.onnx')],
    ['half.onnx', 'half.onnx'],
  ]);
  const { code, stderr } = await runCli(['inspect', 'text'], folder);
  expect([code, stderr]).toEqual([2, expect.stringContaining('text: the run has no model.onnx yet')]);
});
