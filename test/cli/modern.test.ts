import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import { expectSameRun, trainWithOneKill } from '../support/killing.ts';
import { makeFolder, runJson, timelessMetrics, writeCorpus } from '../support/runCli.ts';

/*
 * The presets of what language models learned since: one matrix for words in and out with a projection between their
 * sizes, variational dropout, weight drop, an average of the weights, and ISS on layers and on columns of the embedding.
 */

let folder: string;
const sizes = ['--train-tokens', '20000', '--hidden', '16,16', '--embedding', '12', '--threads', '1'];

const own = ['--hidden', '8,8', '--embedding', '8', '--batch', '4', '--threads', '1'];

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(join(folder, 'text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['modern-small', 'modern-medium'])('%s', (preset) => {
  const training = ['train', preset, ...sizes];
  const pressed = [...training, '--epochs', '2', '--iss', '0.02', '--shrink-every', '10'];

  it('trains an epoch with all that it is made of', async () => {
    const result = await runJson<RunResult>([...training, '--epochs', '1', '--out', preset], folder);
    expect(result.config).toMatchObject({
      model: { kind: 'lstm', tied: true, variational: true, hidden: [16, 16], embedding: 12 },
      method: { kind: 'proximal', issEmbedding: true },
    });
    const [epoch] = result.history as [EpochMetrics];
    // The vocabulary of so few tokens; guessing alike is as good as that.
    expect(result.data!.facts.vocabulary).toBeGreaterThan(1000);
    expect(epoch.valid!.perplexity).toBeLessThan(300);
    // The columns of the embedding are units as those of the layers.
    expect(epoch.units).toEqual([16, 16, 12]);
    const [trained] = result.models;
    const { graph } = await loadModel(join(folder, preset, 'model.onnx'));
    expect(graph.nodes.some(({ op }) => op === 'Dropout')).toBe(false);
    // A matrix for words in and out is stored once.
    const words = [...graph.initializers.values()].filter(({ dims }) => dims.includes(result.data!.facts.vocabulary!));
    expect(words.filter(({ dims }) => dims.length === 2)).toHaveLength(1);
    expect(trained!.hidden).toEqual([16, 16]);
  });

  it('shrinks on the way, and leaves a slim model that computes the same', async () => {
    const out = `${preset}-pressed`;
    const { models, verify } = await runJson<RunResult>([...pressed, '--out', out], folder);
    const [trained, slim] = models;
    const last = (timelessMetrics(join(folder, out)) as EpochMetrics[]).at(-1)!;
    expect(last.units.reduce((a, b) => a + b)).toBeLessThan(44);
    expect(last.parameters).toBeLessThan(21_000);
    expect(slim!.parameters).toBeLessThanOrEqual(trained!.parameters);
    expect(slim!.scores.test!.perplexity! / trained!.scores.test!.perplexity!).toBeCloseTo(1, 5);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-5);
    const file = await loadModel(join(folder, out, 'slim.onnx'));
    expect(file.graph.outputs.map(({ name }) => name)).toContain('logits');
  });

  it('goes on from an untied model untied, with its output matrix', async () => {
    const untied = ['train', 'zaremba-small', '--data', 'text', ...own, '--epochs', '1', '--out', `${preset}-untied`];
    const before = await runJson<RunResult>(untied, folder);
    const onward = ['train', preset, '--data', 'text', '--init', `${preset}-untied`, '--epochs', '1'];
    const still = [...onward, '--learning-rate', '1e-9', '--threads', '1', '--batch', '4', '--out', `${preset}-onward`];
    const { config, models } = await runJson<RunResult>(still, folder);
    expect(config.model).not.toHaveProperty('tied');
    const [was, is] = [before.models[0]!, models[0]!].map(({ scores }) => scores.valid!.perplexity!);
    expect(is! / was!).toBeCloseTo(1, 4);
  });

  it('is killed, and goes on to the same end', async () => {
    const out = `${preset}-killed`;
    await trainWithOneKill(folder, out, pressed);
    expectSameRun(folder, out, `${preset}-pressed`);
    expect(readFileSync(join(folder, out, 'config.json'), 'utf8')).toContain('"keepRecurrent"');
  });
});
