import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { slimModelOf } from '../../examples/library/browser.ts';
import { randomStream } from '../../src/base/random.ts';
import { describeModel } from '../../src/inspect/describe.ts';
import { readModel } from '../../src/onnx/read.ts';
import { makeFolder, sentencesOf, writeCorpus } from '../support/runCli.ts';

/*
 * The page on the library: its code is that of examples/library, and it runs, example after example in one folder.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = ['run', 'shrink', 'train', 'finetune', 'distill', 'graph', 'browser', 'method'];
const home = process.cwd();
const told: unknown[][] = [];

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(join(folder, 'path/to/text'));
  for (const file of ['classifier.onnx', 'make-data.mjs']) {
    copyFileSync(join(root, 'examples/finetune', file), join(folder, file));
  }
  execFileSync(process.execPath, ['make-data.mjs'], { cwd: folder });
  process.chdir(folder);
  vi.spyOn(console, 'log').mockImplementation((...values) => told.push(values));
});

afterAll(() => {
  vi.restoreAllMocks();
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

it('docs/library.md shows the code of examples/library', () => {
  const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
  const shown = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
  expect(shown).toEqual(examples.map((name) => readFileSync(join(root, `examples/library/${name}.ts`), 'utf8')));
});

it('trains into a run directory, and reports it', async () => {
  const { html } = await import('../../examples/library/run.ts');
  expect(html).toMatch(/^<!doctype html>/i);
  expect(told.at(-1)).toMatchObject([{ name: 'slim', scores: { valid: { perplexity: expect.any(Number) } } }]);
});

it('shrinks what was trained', async () => {
  await import('../../examples/library/shrink.ts');
  expect(existsSync('slim.onnx')).toBe(true);
});

it('trains in memory', async () => {
  await import('../../examples/library/train.ts');
  expect(told.at(-1)).toMatchObject([{ scores: { valid: { perplexity: expect.any(Number) } } }]);
});

it('trains a model of others further', async () => {
  await import('../../examples/library/finetune.ts');
  const [before, after] = told.at(-2) as [{ accuracy: number }, { accuracy: number }];
  expect(after.accuracy).toBeGreaterThan(before.accuracy);
  expect(existsSync('slim-classifier.onnx')).toBe(true);
});

it('lets a cut model follow the whole one', async () => {
  await import('../../examples/library/distill.ts');
  const [before, after] = told.at(-1) as [{ error: number }, { error: number }];
  expect(after.error * 10).toBeLessThan(before.error);
  expect(existsSync('half-classifier.onnx')).toBe(true);
});

it('builds a graph', async () => {
  await import('../../examples/library/graph.ts');
  // d/dw (x · w − y)² = 2 (1.4 − 2) x
  const [gradient] = told.at(-1) as [Float32Array];
  for (const [i, value] of gradient.entries()) expect(value).toBeCloseTo(-1.2 * (i + 1), 5);
});

it('trains as in a browser', async () => {
  const bytes = await slimModelOf(sentencesOf(1200, randomStream(3)).replaceAll('\n', '.\n\n'));
  expect(describeModel(readModel(bytes)).layers).toHaveLength(2);
});

it('trains with a method of its own', async () => {
  const { trained } = await import('../../examples/library/method.ts');
  expect(trained.history).toHaveLength(2);
});
