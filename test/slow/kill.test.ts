import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventful, expectSameRun, trainWithKills } from '../cli/killing.ts';
import { makeFolder, runJson, writeCorpus } from '../cli/runCli.ts';

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
