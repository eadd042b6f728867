import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventful, expectSameRun, trainWithKills } from '../support/killing.ts';
import { methodRuns, prepareTaskRuns, taskRuns } from '../support/methodRuns.ts';
import { makeFolder, runJson } from '../support/runCli.ts';

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  await prepareTaskRuns(folder);
  await runJson([...eventful, '--out', 'reference'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([1, 2, 3])('ten kills change nothing (seed %i)', async (seed) => {
  const out = `killed-${seed}`;
  // The last ones may come too late: a process that is done cannot be killed.
  expect(await trainWithKills(folder, out, 10, seed)).toBeGreaterThanOrEqual(7);
  expectSameRun(folder, out, 'reference');
});

const all = Object.entries(taskRuns).flatMap(([task, { command, fromZeros }]) =>
  Object.entries(methodRuns).map(([method, flags]) => ({ task, method, command, flags, fromZeros })),
);

it.each(all)('four kills change nothing ($task, $method)', async ({ task, method, command, flags, fromZeros }) => {
  const longer = [...command, '--epochs', '8'];
  if (method === 'zeros-kept') {
    await runJson([...longer, ...methodRuns.magnitude!, '--out', `${task}-sparse`], folder);
  }
  const training = [...longer, ...flags, ...(method === 'zeros-kept' ? fromZeros(`${task}-sparse`) : [])];
  const reference = `${task}-${method}`;
  await runJson([...training, '--out', reference], folder);
  expect(await trainWithKills(folder, `killed-${reference}`, 4, 4, training)).toBeGreaterThanOrEqual(2);
  expectSameRun(folder, `killed-${reference}`, reference);
});
