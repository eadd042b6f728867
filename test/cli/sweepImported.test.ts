import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import type { Model } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import type { RungEntry } from '../../src/sweep/runRecord.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { makeFolder, runCli, runJson, snapshot, startCli } from '../support/runCli.ts';
import { lockedRuns, until } from '../support/sweeping.ts';

/*
 * A sweep over a model that others made: the same as over a language model, judged by what its task declares.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 });

const tune = ['--data', 'sums.npz', '--valid', 'held-out.npz', '--loss', 'cross-entropy', '--target-array', 'y'];
const model = ['sweep', 'model.onnx', ...tune, '--learning-rate', '0.01', '--batch', '8', '--epochs', '6'];

beforeAll(async () => {
  folder = makeFolder();
  await saveModel(at('model.onnx'), recurrentModel({ hidden: 10, direction: 'bidirectional' }));
  await saveModel(at('slim.onnx'), recurrentModel({ hidden: 4 }));
  await saveModel(at('fixed.onnx'), withFixedBatch(recurrentModel(), 16));
  await saveArrays(at('sums.npz'), sumTask(192));
  await saveArrays(at('held-out.npz'), sumTask(96, 5, 2));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('is judged by accuracy, of which more is better; what collapses is no trade-off, and dense training goes on', async () => {
  const args = [...model, '--iss', '0,0.1,0.5,2,8', '--proximal', '--out', 'imported'];
  const { rows, scores, items } = await runJson<SweepResult>(args, folder);
  expect(scores.map(({ name }) => name)).toEqual(['accuracy', 'loss']);
  expect(items).toBe('examples');
  const atRung = rows.slice(0, 4).map(({ run }) => rungsOf(join('imported', run))[0]!);
  expect(atRung.map(({ epoch, parameters }) => [epoch, parameters])).toEqual(Array(4).fill([3, 1082]));
  // Of equally large runs with ISS the least accurate (the last of equals) is stopped, whatever the dense one is like.
  const [, ...rivals] = atRung.map((entry) => entry.scores.accuracy!);
  const worst = 1 + rivals.lastIndexOf(Math.min(...rivals));
  const states = Array.from({ length: 4 }, (_, i) => (i === worst ? 'stopped' : 'finished'));
  expect(rows.map(({ state }) => state)).toEqual([...states, 'collapsed']);
  expect(rows[4]).toMatchObject({ front: { size: false, latency: false } });
  expect(rows[4]!.reason).toMatch(/^training collapsed in epoch [1-3] of 6: .+ [01] of its 10 units left/);
  const accuracies = rows.map((row) => (row.state === 'finished' ? row.scores.valid!.accuracy! : 0));
  const best = accuracies.indexOf(Math.max(...accuracies));
  expect(rows[best]).toMatchObject({ epochs: 6, front: { size: true } });
  expect(accuracies[best]).toBeGreaterThan(0.9);
  for (const { state, latency } of rows) expect(latency !== undefined).toBe(state === 'finished');
  const { stdout } = await runCli(['sweep', 'imported', '--resume'], folder);
  expect(stdout).toMatch(/ λ +state +epochs +valid accuracy +valid loss +units +parameters +size +batch 1/);
  expect(stdout).toMatch(
    /^S: on the Pareto front of validation accuracy and parameters; L: on that of validation acc/m,
  );
});

it('has the runs that finetune alone would make, also where workers are killed', async () => {
  const args = [...model, '--iss', '0.1,1.5', '--proximal', '--no-halving', '--no-latency', '--out', 'tuned'];
  const sweep = startCli([...args, '--checkpoint-every', '2'], folder);
  await until(sweep, () => lockedRuns(at('tuned')).length > 0);
  process.kill(lockedRuns(at('tuned'))[0]!.pid, 'SIGKILL');
  const { code, stderr } = await sweep.finished;
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('killed by SIGKILL');
  const alone = ['finetune', ...model.slice(1), '--iss', '1.5', '--proximal', '--threads', '1', '--out', 'tuned-alone'];
  await runJson(alone, folder);
  for (const file of ['model.onnx', 'slim.onnx']) {
    expect(readFileSync(at('tuned', '2-iss-1.5', file)).equals(readFileSync(at('tuned-alone', file))), file).toBe(true);
  }
});

it('follows a teacher, judged by the error', async () => {
  const follow = ['sweep', 'slim.onnx', '--teacher', 'model.onnx', '--data', 'sums.npz', '--valid', 'held-out.npz'];
  const grid = [
    '--learning-rate',
    '0.0001,0.01',
    '--epochs',
    '2',
    '--no-halving',
    '--no-latency',
    '--out',
    'following',
  ];
  const { rows, scores } = await runJson<SweepResult>([...follow, ...grid], folder);
  expect(scores.map(({ name }) => name)).toEqual(['error', 'SNR (dB)', 'loss']);
  const [slow, fast] = rows.map((row) => row.scores.valid!.error!);
  expect(fast! * 2).toBeLessThan(slow!);
  const { stdout } = await runCli(['sweep', 'following', '--resume'], folder);
  expect(stdout).toMatch(/ learning-rate +state +epochs +valid error +valid SNR \(dB\) +valid loss +units/);
  const changed = [...follow, ...grid, '--resume', '--teacher', 'slim.onnx'];
  expect(await runCli(changed, folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('data differs') });
});

it('that cannot be timed says so', async () => {
  const fixed = ['sweep', 'fixed.onnx', ...tune, '--batch-axis', 'x=0'];
  const args = [...fixed, '--iss', '0.1,1', '--epochs', '2', '--out', 'fixed'];
  const { untimed, rows } = await runJson<SweepResult>(args, folder);
  expect(untimed).toBe('1-iss-0.1 fixes how many sequences are side by side');
  for (const { state, latency } of rows) expect([state, latency]).toEqual(['finished', undefined]);
  const { stdout } = await runCli(['sweep', 'fixed', '--resume'], folder);
  expect(stdout).toContain('The models were not timed: 1-iss-0.1 fixes how many sequences are side by side.');
});

it.each<[title: string, args: string[], ...words: string[]]>([
  ['no loss', ['sweep', 'model.onnx', '--data', 'sums.npz', '--iss', '0,1'], '--loss cross-entropy'],
  ['no targets', ['sweep', 'model.onnx', ...tune.slice(0, -2), '--iss', '0,1'], '--target-array ARRAY'],
  ['no data', ['sweep', 'model.onnx', ...tune.slice(2), '--iss', '0,1'], '--data FILE'],
  ['labels and a teacher', [...model, '--teacher', 'model.onnx', '--iss', '0,1'], '--loss and --target-array are for'],
  ['a teacher for text', ['sweep', 'iss-small', '--teacher', 'model.onnx', '--iss', '0,1'], '--teacher needs --task'],
  ['nothing held out', ['sweep', 'model.onnx', ...tune.slice(0, 2), ...tune.slice(4), '--iss', '0,1'], '--valid'],
  ['another model', [...model, '--init', 'fixed.onnx', '--iss', '0,1'], 'leave out --init'],
  ['a field of language models', [...model, '--keep-words', '0.8,0.9'], '--keep-words needs --task language-model'],
  ['a field of distillation', [...model, '--steps', '5,10'], '--steps needs --teacher FILE'],
  ['a target out of reach', [...model, '--target', 'units=0.5,units=0.01'], '--target units=0.01 cannot be reached'],
  ['a loss that does not fit', [...model, '--loss', 'cross-entropy,mse'], '--loss mse wants targets like the output'],
])('%s is refused', async (_title, args, ...words) => {
  const before = snapshot(folder);
  const { code, stderr } = await runCli([...args, '--out', 'refused'], folder);
  for (const word of words) expect(stderr).toContain(word);
  expect(stderr.match(/^error:/gm), stderr).toHaveLength(1);
  expect(code).toBe(2);
  expect(snapshot(folder)).toEqual(before);
});

/** How a run stood at each rung and at its end. */
function rungsOf(run: string): RungEntry[] {
  return JSON.parse(readFileSync(at(run, 'rungs.json'), 'utf8')) as RungEntry[];
}

/** The same model for batches of one size. */
function withFixedBatch({ graph, ...model }: Model, size: number): Model {
  const shape = [size, 'time', 2];
  const inputs = graph.inputs.map((info) => ({ ...info, type: { ...info.type, shape } }));
  return { ...model, graph: { ...graph, inputs } };
}
