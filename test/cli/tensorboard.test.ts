import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { epochFrom } from '../../src/runs/formats.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { course, eventFiles, onlyEvents } from '../support/eventFile.ts';
import { eventful, untilTraining } from '../support/killing.ts';
import { makeFolder, runCli, runJson, startCli, timelessMetrics, writeCorpus } from '../support/runCli.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(at('text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rowsOf = (run: string) =>
  readFileSync(at(run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => epochFrom(JSON.parse(line))!);

/** Checks that a run's only event file has every epoch of its metrics once. */
function expectAllEpochs(
  run: string,
  epochs: number,
  figures: Readonly<Record<string, (row: EpochMetrics) => number>>,
) {
  const events = onlyEvents(at(run));
  const rows = rowsOf(run);
  expect(rows.map((row) => row.epoch)).toEqual(Array.from({ length: epochs }, (_, i) => i + 1));
  for (const [tag, of] of Object.entries(figures)) {
    expect(course(events, tag), tag).toEqual(rows.map((row) => [row.epoch, Math.fround(of(row))]));
  }
}

describe('train --tensorboard', () => {
  const train = [...eventful, '--tensorboard'];
  const figures = {
    'perplexity/valid': (row: EpochMetrics) => row.valid!.perplexity!,
    'perplexity/train': (row: EpochMetrics) => row.train.perplexity!,
    learning_rate: (row: EpochMetrics) => row.learningRate,
    'units_alive/lstm_1': (row: EpochMetrics) => row.alive[1]!,
    'group_norms_zero/lstm_0': (row: EpochMetrics) => row.groupNorms![0]!.zeros,
  };

  it('writes an event file that has every epoch, and changes nothing else', async () => {
    await runJson([...train, '--out', 'whole'], folder);
    expectAllEpochs('whole', 4, figures);
    const histograms = onlyEvents(at('whole')).flatMap((e) => e.values.filter((v) => v.tag === 'group_norms/lstm_0'));
    expect(histograms).toHaveLength(4);
    await runJson([...eventful, '--out', 'plain'], folder);
    expect(eventFiles(at('plain'))).toEqual([]);
    expect(timelessMetrics(at('whole'))).toEqual(timelessMetrics(at('plain')));
    expect(readFileSync(at('whole/slim.onnx')).equals(readFileSync(at('plain/slim.onnx')))).toBe(true);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('has every epoch once after %s and --resume', async (signal) => {
    const out = `stopped-by-${signal}`;
    const run = startCli([...train, '--out', out], folder);
    await untilTraining(run);
    while (!/^epoch 2\/4 /m.test(run.stderr()) && run.child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    run.child.kill(signal);
    await run.finished;
    // What was written until then can be read.
    expect(course(onlyEvents(at(out)), 'learning_rate').length).toBeGreaterThanOrEqual(1);
    await runJson(['train', out, '--resume', '--tensorboard'], folder);
    expectAllEpochs(out, 4, figures);
    expect(timelessMetrics(at(out))).toEqual(timelessMetrics(at('whole')));
  });

  it('makes the event file of a run that is finished already', async () => {
    const { code, stderr } = await runCli(['train', 'plain', '--resume', '--tensorboard'], folder);
    expect(stderr).toMatch(/^plain is finished already$/m);
    expect(code).toBe(0);
    expectAllEpochs('plain', 4, figures);
  });
});

describe('finetune --tensorboard', () => {
  const tune = ['finetune', 'model.onnx', '--data', 'train.npz', '--valid', 'valid.npz', '--loss', 'cross-entropy'];
  const how = ['--target', 'y', '--iss', '0.02', '--learning-rate', '0.02', '--epochs', '3', '--threads', '1'];
  const figures = {
    'loss/valid': (row: EpochMetrics) => row.valid!.loss!,
    'accuracy/train': (row: EpochMetrics) => row.train.accuracy!,
    'units/layer': (row: EpochMetrics) => row.units[0]!,
  };

  it('writes an event file that has every epoch, also of a run that is finished already', async () => {
    await saveModel(at('model.onnx'), recurrentModel({ hidden: 12 }));
    await saveArrays(at('train.npz'), sumTask(240));
    await saveArrays(at('valid.npz'), sumTask(80, 5, 2));
    await runJson([...tune, ...how, '--tensorboard', '--out', 'tuned'], folder);
    expectAllEpochs('tuned', 3, figures);
    await runJson([...tune, ...how, '--out', 'tuned-plain'], folder);
    expect(eventFiles(at('tuned-plain'))).toEqual([]);
    await runJson(['finetune', 'tuned-plain', '--resume', '--tensorboard'], folder);
    expectAllEpochs('tuned-plain', 3, figures);
  });
});
