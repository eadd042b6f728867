import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { Calibration } from '../../src/train/calibrate.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { makeFolder, runAlone, runCli, runJson, snapshot, strongIss, tiny, writeCorpus } from '../support/runCli.ts';

let folder: string;
let dense: RunResult;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  dense = await runJson<RunResult>(['train', ...tiny, '--data', 'text', '--out', 'dense'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const calibrated = (...args: string[]) => runJson<Calibration>(['calibrate', ...args], folder);

it('finds the end of the safe thresholds', async () => {
  const found = await calibrated('dense', '--tolerance', '0.01');
  const { points, threshold, value: base } = found;
  expect(base).toBeCloseTo(dense.models[0]!.scores.valid!.perplexity!, 5);
  for (const [i, point] of points.entries()) {
    expect(point.isSafe).toBe(point.value <= base * 1.01);
    expect(point.change).toBeCloseTo(point.value / base - 1, 12);
    if (i > 0) expect(point.threshold).toBeGreaterThan(points[i - 1]!.threshold);
    if (i > 0) expect(point.share).toBeGreaterThanOrEqual(points[i - 1]!.share);
  }
  expect(points[0]!.value).toBe(base);
  const above = points.find((p) => p.threshold > threshold!)!;
  expect(points.find((p) => p.threshold === threshold)!.isSafe).toBe(true);
  expect(above.isSafe).toBe(false);
  // A grid step of at most 2.5, halved six times on the log scale, and the rounding of what is tried.
  expect(above.threshold / threshold!).toBeLessThan(1.05);
  expect(found.advice).toBeLessThanOrEqual(threshold!);
  expect(found.advice).toBeLessThanOrEqual(found.weightScale / 100);
  expect(found.advice).toBeGreaterThan(Math.min(threshold!, found.weightScale / 100) / 2);
  expect(points.find((p) => p.threshold === found.advice)!.isSafe).toBe(true);
  // The curve goes on to where the model is broken.
  expect(points.at(-1)!.value).toBeGreaterThan(base * 1.1);
});

it('thresholds what the group lasso acts on, and nothing else', async () => {
  const { parameters, weights } = await calibrated('dense');
  expect(parameters).toEqual(['lstm_0.weight', 'lstm_0.recurrent', 'lstm_1.weight', 'lstm_1.recurrent', 'head.weight']);
  const [own, vocabulary] = [48 * (8 + 12 + 12 + 12), dense.data!.facts.vocabulary!];
  expect(weights).toBe(own + 12 * vocabulary);
});

it('allows more with more tolerance', async () => {
  const [strict, loose] = [
    await calibrated('dense', '--tolerance', '0'),
    await calibrated('dense', '--tolerance', '0.5'),
  ];
  expect(strict.threshold!).toBeLessThan(loose.threshold!);
});

it('takes a file with its text, and gives the same', async () => {
  const sizes = ['--batch', '4', '--steps', '5'];
  const [file, run] = [await calibrated('dense/model.onnx', '--data', 'text', ...sizes), await calibrated('dense')];
  expect(file.points).toEqual(run.points);
});

it('ends with advice', async () => {
  const { code, stdout, stderr } = await runAlone(['calibrate', 'dense', '--tolerance', '0.01'], folder);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^ τ +weights below +valid ppl +change +within 1 % $/m);
  expect(stdout).toMatch(/^Up to τ = .* the trained model stays within 1 %\. /m);
  expect(stdout).toMatch(/\nTrain with --threshold \de[-+]\d+\n$/);
  expect(stderr).not.toContain('warning');
});

it('knows what the run of another task was about', async () => {
  await saveModel(at('imported.onnx'), recurrentModel());
  await saveArrays(at('sums.npz'), sumTask(96));
  await saveArrays(at('held-out.npz'), sumTask(50, 5, 2));
  const data = ['--data', 'sums.npz', '--valid', 'held-out.npz', '--loss', 'cross-entropy', '--target-array', 'y'];
  const tuned = await runJson<RunResult>(
    ['finetune', 'imported.onnx', ...data, '--learning-rate', '0.01', '--threads', '1', '--out', 'tuned'],
    folder,
  );
  const found = await calibrated('tuned', '--tolerance', '0.02');
  expect(found.score).toEqual({ name: 'accuracy', better: 'higher', decimals: 2, isShare: true });
  expect(found.value).toBe(tuned.models.at(-1)!.scores.valid!.accuracy);
  // One of 50 examples is 2 points.
  for (const { isSafe, value } of found.points) expect(isSafe).toBe(value > found.value - 0.03);
  expect(found.parameters).toEqual(['W', 'R', 'head']);
  const { stdout, stderr } = await runCli(['calibrate', 'tuned', '--tolerance', '0.02'], folder);
  expect(stderr).toMatch(/^tuned\/model\.onnx on 50 validation examples of sums\.npz$/m);
  expect(stdout).toMatch(/^ τ +weights below +valid accuracy +change +within 2 points $/m);
  expect(stdout).toMatch(/^Validation accuracy [\d.]+ % without a threshold/m);
  const without = ['calibrate', 'tuned', '--valid', 'nowhere.npz'];
  expect((await runCli(without, folder)).stderr).toMatch(/^error: .*nowhere\.npz/m);
  const { code, stderr: refused } = await runCli(['calibrate', 'tuned', '--steps', '5'], folder);
  expect(refused).toMatch(/^error: .*--steps needs --task language-model/m);
  expect(code).toBe(2);
});

it('says when the run was not dense', async () => {
  await runJson(['train', ...tiny, '--data', 'text', '--out', 'sparse', ...strongIss], folder);
  const { stderr } = await runCli(['calibrate', 'sparse'], folder);
  expect(stderr).toMatch(/^warning: sparse was trained with ISS λ 0\.02; τ is meant to be found on a dense model$/m);
});

it('refuses what cannot be meant', async () => {
  writeCorpus(at('other'), 2);
  writeFileSync(at('other', 'train.txt'), `${readFileSync(at('other', 'train.txt'), 'utf8')}a new word\n`);
  writeFileSync(at('config.json'), '{}');
  const cases: [args: string[], ...words: (string | RegExp)[]][] = [
    [['nowhere'], 'nowhere', 'no such file'],
    [['text'], 'text/config.json', 'no such file'],
    [['.'], 'no model.onnx yet'],
    [['dense/model.onnx'], 'name its text with --data'],
    [['dense/model.onnx', '--data', 'nowhere'], 'nowhere does not exist'],
    [['dense', '--data', 'other'], /^error: dense.model\.onnx: .* another vocabulary/m],
    [['imported.onnx', '--data', 'text'], /^error: imported\.onnx: not a language model/m],
    [['dense', '--tolerance', '-0.1'], '--tolerance', "got '-0.1'"],
    [['dense', '--tolerance', 'little'], '--tolerance', "got 'little'"],
    [['dense', '--batch', '0'], '--batch', "got '0'"],
    [['text/train.txt', '--data', 'text'], 'not an ONNX model'],
  ];
  const before = snapshot(folder);
  for (const [args, ...words] of cases) {
    const { code, stdout, stderr } = await runCli(['calibrate', ...args], folder);
    expect(
      stderr.split('\n').filter((line) => line.startsWith('error:')),
      stderr,
    ).toHaveLength(1);
    for (const word of words) expect(stderr).toMatch(word);
    expect(code, stderr).toBe(2);
    expect(stdout).toBe('');
  }
  expect(snapshot(folder)).toEqual(before);
});
