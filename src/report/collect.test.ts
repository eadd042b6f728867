import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeRun } from '../../test/support/runFolder.ts';
import { languageModel } from '../models/languageModel.ts';
import { saveModel } from '../onnx/file.ts';
import { collectReport } from './collect.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-report-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('collects runs of any task and of version 0.1 alike', async () => {
  makeRun(at('class'), { task: 'text-classification', finished: true });
  makeRun(at('new'), { finished: true });
  makeRun(at('old'), { version: 1, finished: true });
  const { runs } = await collectReport({ paths: [folder], latency: false });
  expect(runs.map(({ task, scores }) => [task, scores[0]?.name])).toEqual([
    ['text-classification', 'accuracy'],
    ['language-model', 'perplexity'],
    ['language-model', 'perplexity'],
  ]);
  expect(runs.map(({ models }) => models.at(-1)?.scores.test)).toEqual([
    { accuracy: 0.875, 'macro-F1': 0.75, loss: 0.4 },
    { perplexity: 80 },
    { perplexity: 80 },
  ]);
  expect(runs.map(({ began }) => began)).toEqual([
    [8, 8],
    [8, 8],
    [8, 8],
  ]);
  expect(runs[2]).toMatchObject({ method: 'group-lasso', methodLabel: 'group lasso', items: 'tokens' });
});

it('makes the model as it began again where the task is known to, and has its sizes where not', async () => {
  const slim = languageModel({ hidden: [2, 8], embedding: 8, vocabulary: 2, initScale: 0.1 });
  for (const task of ['language-model', 'text-classification'] as const) {
    // Models of imported graphs cannot be made again.
    const config = task === 'language-model' ? {} : { task: { kind: 'arrays' } };
    makeRun(at(task), { task, finished: true, config });
    await saveModel(at(task, 'slim.onnx'), slim);
  }
  const { runs, problems } = await collectReport({ paths: [folder], latency: false });
  expect(problems).toEqual([]);
  const [text, classes] = runs;
  expect(text!.models.map(({ name, hidden }) => [name, hidden])).toEqual([
    ['as it began', [8, 8]],
    ['slim', [2, 8]],
  ]);
  expect(text!.models[0]!.parameters).toBe(2 * 8 + 2 * (2 * 8 * 32 + 32) + 8 * 2 + 2);
  expect(classes!.models.map(({ name }) => name)).toEqual(['slim']);
  expect(classes!.began).toEqual([8, 8]);
});

it.each([
  [{ model: { kind: 'lstm', hidden: [8, 8] } }, 'its configuration has other fields'],
  [
    { model: { kind: 'lstm', hidden: [8, 8], embedding: 2 ** 40, initScale: 0.1, keep: 1 } },
    'the weights of --hidden 8,8 and --embedding 1099511627776 do not fit into memory',
  ],
])('says why the model as it began cannot be made again: %j', async (config, reason) => {
  makeRun(at('a'), { finished: true, config });
  const { problems } = await collectReport({ paths: [at('a')], latency: false });
  expect(problems.join()).toContain(`the model as it began cannot be made again: ${reason}`);
});
