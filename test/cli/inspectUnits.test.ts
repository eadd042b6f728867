import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceModel } from '../../src/groups/traceModel.ts';
import type { ModelSummary } from '../../src/inspect/describe.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { testModel, zeroSlices } from '../support/models.ts';
import { makeFolder, runCli, runJson, snapshot } from '../support/runCli.ts';

/*
 * `inspect` shows norms, groups, and why units stay.
 */

let folder: string;

beforeAll(async () => {
  folder = makeFolder();
  const model = testModel({
    vocabulary: 9,
    embedding: 4,
    layers: [
      { hidden: 8, direction: 'forward' },
      { hidden: 6, direction: 'forward' },
    ],
  });
  const { groups } = traceModel(model);
  const silent = zeroSlices(model.graph, groups, new Set([2, 5]), ['reads', 'produces']);
  const graph = zeroSlices(silent, groups, new Set([9]), ['produces']);
  await saveModel(join(folder, 'model.onnx'), { ...model, graph });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = async (...flags: string[]) => {
  const { code, stdout, stderr } = await runCli(['inspect', 'model.onnx', ...flags], folder);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
};

describe('inspect', () => {
  it('shows norms with zeros apart, and why units cannot leave', async () => {
    const shown = await text();
    expect(shown).toMatch(
      /layer +operator +units +removable +weights per unit +norm min +median +max +zero +histogram/,
    );
    expect(shown).toMatch(/lstm_0 +LSTM +8 +2 +\d+ +0 +[\d.]+ +[\d.]+ +2 +[▁▂▃▄▅▆▇█·]+/);
    expect(shown).toMatch(/multiply-adds per time step/);
    expect(shown).toContain('lstm_1: 1 of 6 units cannot leave without loss: only biases drive them');
    expect(shown).not.toContain('groups of');
  });

  it('lists the members of groups with --groups', async () => {
    const shown = await text('--groups');
    expect(shown).toMatch(/groups of lstm_0 +role +units +indices per unit +indices of the first/);
    expect(shown).toMatch(/lstm_0\.weight\[axis=1\] +produces +8 +4 +unit 0: 0, 8, 16, 24/);
    expect(shown).toMatch(/lstm_1\.weight\[axis=2\] +reads +8 +1 +unit 0: 0/);
    expect(shown).toMatch(/head\.weight\[axis=0\] +reads +6 +1 +unit 0: 0/);
  });

  it('says all of it in JSON', async () => {
    const plain = await runJson<ModelSummary>(['inspect', 'model.onnx'], folder);
    expect(plain).not.toHaveProperty('groups');
    expect(plain.layers).toMatchObject([
      { name: 'lstm_0', operator: 'LSTM', units: 8, removable: 2, fixed: 0, norms: { min: 0, zeros: 2 }, lossy: [] },
      { name: 'lstm_1', operator: 'LSTM', units: 6, removable: 0, lossy: [{ units: 1, reason: expect.any(String) }] },
    ]);
    const { groups } = await runJson<ModelSummary>(['inspect', 'model.onnx', '--groups'], folder);
    expect(groups).toHaveLength(14);
    expect(groups![9]).toMatchObject({
      component: 9,
      units: [{ layer: 'lstm_1', unit: 1 }],
      norm: expect.any(Number),
      removable: false,
      members: expect.arrayContaining([
        { tensor: 'lstm_1.weight', axis: 1, role: 'produces', indices: [1, 7, 13, 19] },
      ]),
    });
  });

  it('shows layers that --fix keeps, and takes states by name', async () => {
    expect(await text('--fix', 'lstm_0')).toContain('lstm_0: 8 of 8 units always stay');
    const states = ['--state', 'lstm_1.h=lstm_1.h_next', '--state', 'lstm_1.c=lstm_1.c_next'];
    expect(await text(...states)).toContain('lstm_0: 8 of 8 units always stay');
    expect(await text('--resize-state')).toMatch(/lstm_0 +LSTM +8 +2/);
  });

  it.each<[string[], RegExp]>([
    [['--fix', 'lstm_9'], /^error: there is no layer 'lstm_9' \(did you mean 'lstm_\d'\?\)/],
    [['--fix', 'lstm'], /^error: 'lstm' may mean any of/],
    [
      ['--state', 'tokens=lgits'],
      /^error: --state tokens=lgits: the model has no output 'lgits' \(did you mean 'logits'\?\)/,
    ],
    [['--state', 'tokens'], /^error: --state takes input=output/],
  ])('refuses %s', async (flags, message) => {
    const before = snapshot(folder);
    const { code, stdout, stderr } = await runCli(['inspect', 'model.onnx', ...flags], folder);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(snapshot(folder)).toEqual(before);
  });
});
