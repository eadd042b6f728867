import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventful, expectSameRun, trainWithKills } from '../support/killing.ts';
import { makeFolder, runJson, tiny, writeCorpus } from '../support/runCli.ts';

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(join(folder, 'text'));
  await runJson([...eventful, '--out', 'reference'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([1, 2, 3])('ten kills change nothing (seed %i)', async (seed) => {
  const out = `killed-${seed}`;
  // The last ones may come too late: a process that is done cannot be killed.
  expect(await trainWithKills(folder, out, 10, seed)).toBeGreaterThanOrEqual(7);
  expectSameRun(folder, out, 'reference');
});

it.each([
  ['proximal', [...eventful, '--proximal']],
  ['target', ['train', ...tiny, '--data', 'text', '--keep', '0.9', '--target', 'units=0.5', '--iss', '0.01']],
])('five kills change nothing (%s)', async (name, training) => {
  await runJson([...training, '--out', name], folder);
  const out = `killed-${name}`;
  expect(await trainWithKills(folder, out, 5, 4, training)).toBeGreaterThanOrEqual(3);
  expectSameRun(folder, out, name);
});
