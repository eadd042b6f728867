import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TopologyComparison } from '../../src/topology/compare.ts';
import type { EpochMetrics } from '../../src/train/metrics.ts';
import { expectRefused } from '../support/refused.ts';
import { asCsv, reviews } from '../support/reviews.ts';
import { makeFolder, runAlone, runJson, timelessMetrics } from '../support/runCli.ts';

/*
 * Training that is sparse from the start, as a user types it, and its topologies side by side.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const sizes = ['--hidden', '12', '--embedding', '8', '--batch', '16', '--threads', '1', '--epochs', '3'];
const train = ['train', 'set-lstm', '--data', 'reviews.csv', '--text', 'review', '--label', 'stars', ...sizes];
const set = [...train, '--learning-rate', '0.02', '--density', '0.3', '--set-gates', 'packed', '--keep-models'];

beforeAll(async () => {
  folder = makeFolder();
  writeFileSync(at('reviews.csv'), asCsv(reviews(160)));
  for (const seed of ['1', '2']) await runJson([...set, '--seed', seed, '--out', `runs/${seed}`], folder);
  const dense = train.map((word) => (word === 'set-lstm' ? 'dense-lstm' : word));
  await runJson([...dense, '--out', 'dense'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a sparse run', () => {
  it('says how dense each gate is, epoch by epoch', () => {
    const epochs = timelessMetrics(at('runs/1')) as EpochMetrics[];
    for (const { densities } of epochs) {
      expect(Object.keys(densities!).sort()).toEqual(['embedding', 'lstm_0.recurrent', 'lstm_0.weight']);
      expect(densities!['lstm_0.weight']).toHaveLength(4);
    }
    const mean = (shares: readonly number[]) => shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const [first, second] = epochs.map(({ densities }) => densities!['lstm_0.weight']!);
    // Gates compete: theirs change, that of all of them does not.
    expect(second).not.toEqual(first);
    expect(mean(second!)).toBeCloseTo(mean(first!), 12);
  });

  it('keeps the model of every epoch, the last of which is the trained one', () => {
    expect(readdirSync(at('runs/1/epochs')).sort()).toEqual(['1.onnx', '2.onnx', '3.onnx']);
    const [last, trained] = ['epochs/3.onnx', 'model.onnx'].map((file) => readFileSync(at('runs/1', file)).length);
    // The trained one notes its classes besides.
    expect(trained! - last!).toBeLessThan(1000);
  });
});

describe('compare-topology', () => {
  it('says how far runs are apart', async () => {
    const { names, distances, pairs } = await runJson<TopologyComparison>(['compare-topology', 'runs'], folder);
    expect(names).toEqual(['1', '2']);
    expect(distances[0]![0]).toBe(0);
    expect(distances[0]![1]).toBe(distances[1]![0]);
    expect(distances[0]![1]).toBeGreaterThan(0.4);
    expect(pairs[0]!.layers.map(({ name }) => name)).toEqual(['Gather_0', 'lstm_0']);
  });

  it('says how far the epochs of a run are apart', async () => {
    const { names, distances } = await runJson<TopologyComparison>(['compare-topology', 'runs/1', '--epochs'], folder);
    expect(names).toEqual(['1.onnx', '2.onnx', '3.onnx']);
    const [first] = distances;
    expect(first![1]).toBeGreaterThan(0);
    expect(first![2]).toBeGreaterThanOrEqual(first![1]!);
  });

  it('is read by a person', async () => {
    const { stdout } = await runAlone(['compare-topology', 'runs/1/model.onnx', 'runs/2/model.onnx'], folder);
    expect(stdout).toMatch(/1 1\/model\.onnx +0\.000 +0\.\d{3}/);
    expect(stdout).toMatch(/lstm_0 +0\.\d{3} +0\.\d{3} +0\.\d{3}/);
  });

  it('refuses what it cannot compare', async () => {
    const cases: [string[], string][] = [
      [['runs/1'], 'there is one model'],
      [['runs/1', 'nowhere'], 'there is no file or folder nowhere'],
      [['dense', 'dense/model.onnx'], 'both models are dense'],
      [['runs/1/model.onnx', 'runs/2', '--epochs'], 'is a file: --epochs compares'],
      [['dense', '--epochs'], 'dense kept no models of its epochs: train with --keep-models'],
    ];
    for (const [args, message] of cases) await expectRefused(folder, ['compare-topology', ...args], message);
  });
});

it('a report shows gates, words and distances', async () => {
  await runJson(['report', 'runs', '--no-latency', '--out', 'report.html'], folder);
  const html = readFileSync(at('report.html'), 'utf8');
  for (const text of ['Connections of lstm_0.weight', 'forget gate', 'Connections of words', 'words without any']) {
    expect(html).toContain(text);
  }
  expect(html).toContain('aria-label="Distance of the topologies of the runs"');
  expect(html.match(/aria-label="Distance of the topologies of the epochs"/g)).toHaveLength(2);
});
