import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methods } from '../../src/methods/registry.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { tasks } from '../../src/tasks/registry.ts';
import { expectSameRun, trainWithOneKill } from '../support/killing.ts';
import { methodRuns, prepareTaskRuns, taskRuns } from '../support/methodRuns.ts';
import { makeFolder, runJson } from '../support/runCli.ts';

/*
 * Every sparsity method and every task, killed and gone on with as a user does it; test/slow has every pair of them.
 */

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  await prepareTaskRuns(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('there is a command for every task and every method', () => {
  expect(Object.keys(taskRuns).sort()).toEqual(tasks.map((task) => task.name).sort());
  expect(Object.keys(methodRuns).sort()).toEqual(methods.map((method) => method.name).sort());
  expect(new Set(Object.values(taskRuns).flatMap((run) => run.methods))).toEqual(new Set(Object.keys(methodRuns)));
});

describe.each(Object.entries(taskRuns))('%s', (task, { command, fromZeros, methods: tried }) => {
  // Magnitude pruning comes first: it leaves the zeros that a later run keeps.
  const order = Object.entries(methodRuns).sort(([a], [b]) => Number(b === 'magnitude') - Number(a === 'magnitude'));

  const own = order.filter(([method]) => tried.includes(method));

  it.each(own)('%s is killed, and goes on to the same end', async (method, flags) => {
    const zeros = method === 'zeros-kept' ? fromZeros(`${task}-magnitude`) : [];
    const training = [...command, ...flags, ...zeros];
    const reference = `${task}-${method}`;
    const { config, verify } = await runJson<RunResult>([...training, '--out', reference], folder);
    expect(config).toMatchObject({ task: { kind: task }, method: { kind: method } });
    expect(existsSync(join(folder, reference, 'slim.onnx'))).toBe(method !== 'dense');
    expect(verify?.maxRelativeDifference ?? 0).toBeLessThan(1e-5);
    await trainWithOneKill(folder, `${reference}-killed`, training);
    expectSameRun(folder, `${reference}-killed`, reference);
  });
});
