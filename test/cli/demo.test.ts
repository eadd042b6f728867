import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunConfig } from '../../src/config/runConfig.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runAlone } from '../support/runCli.ts';

/*
 * The demo as a user types it, in small.
 */

interface Demo {
  readonly config: RunConfig;
  readonly models: readonly (RunResult['models'][number] & { readonly latency: { readonly batch1: number } })[];
  readonly verify: RunResult['verify'];
  readonly report: string;
}

const sizes = ['--hidden', '12,12', '--embedding', '8', '--train-tokens', '20000', '--vocabulary', '300'];
const strong = ['--iss', '0.1', '--threshold', '0.02', '--epochs', '2', '--threads', '1'];
let folder: string;

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('trains dense and with ISS, shrinks, times and reports', async () => {
  const { code, stdout, stderr } = await runAlone(['demo', ...sizes, ...strong, '--out', 'demo'], folder);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^two LSTM layers of 12 and 12 units, dense and with ISS λ 0\.1$/m);
  expect(stderr).toMatch(/^dense {2}epoch 2\/2 {2}rate/m);
  expect(stderr).toMatch(/^ISS {4}epoch 2\/2 {2}rate/m);
  expect(stdout).toMatch(/^ model +valid ppl +test ppl +hidden units +parameters/m);
  expect(stdout).toMatch(/^\d+ of 24 hidden units died; validation perplexity [+-]/m);
  expect(readdirSync(join(folder, 'demo')).sort()).toEqual(['demo.json', 'dense', 'iss', 'report.html']);
  const demo = JSON.parse(readFileSync(join(folder, 'demo/demo.json'), 'utf8')) as Demo;
  const [dense, iss, slim] = demo.models;
  expect(demo.models.map(({ name }) => name)).toEqual(['dense', 'ISS', 'ISS, slim']);
  expect(dense!.hidden).toEqual([12, 12]);
  // Dead units stay until the end, so that the model before can be compared with the one after.
  expect(iss!.hidden).toEqual([12, 12]);
  expect(slim!.hidden[0]! + slim!.hidden[1]!).toBeLessThan(24);
  expect(slim!.scores.test!.perplexity! / iss!.scores.test!.perplexity!).toBeCloseTo(1, 5);
  expect(demo.verify!.maxRelativeDifference).toBeLessThan(1e-5);
  for (const { latency } of demo.models) expect(latency.batch1).toBeGreaterThan(0);
  const configOf = (run: string) =>
    JSON.parse(readFileSync(join(folder, 'demo', run, 'config.json'), 'utf8')) as RunConfig;
  expect(configOf('dense')).toMatchObject({ ...demo.config, method: { kind: 'dense' } });
  expect(configOf('iss')).toMatchObject({ ...demo.config });
  expect(existsSync(join(folder, demo.report))).toBe(true);
});

it('refuses what it cannot compare', async () => {
  await expectRefused(folder, ['demo', '--iss', '0', '--out', 'new'], '--iss must be above 0');
  await expectRefused(folder, ['demo', '--magnitude', '0.5', '--out', 'new'], 'choose one of --iss, --magnitude');
  await expectRefused(folder, ['demo', '--pool', 'max', '--out', 'new'], "unknown option '--pool'");
});
