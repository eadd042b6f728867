import { describe, expect, it } from 'vitest';
import { logHistogram } from '../groups/logHistogram.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { summaryOf } from './summary.ts';

const common = { epoch: 3, learningRate: 0.5, parameters: 1234, penalty: 0.25, seconds: 9 };
const norms = [0, 0, 0.0123, 0.5, 0.55, 0.7, 2];

const languageModel: EpochMetrics = {
  ...common,
  ...{ train: { perplexity: 90 }, valid: { perplexity: 100 }, itemsPerSecond: 5000 },
  ...{ units: [7, 4], alive: [5, 4], groupNorms: [logHistogram(norms), logHistogram([0, 0, 0, 0])] },
};

const tokens = { items: 'tokens', layerNames: ['lstm_0', 'lstm_1'] };

interface Options {
  items: string;
  layerNames?: string[];
}
const scalarsOf = (row: EpochMetrics, { items, layerNames }: Options) =>
  summaryOf(row, items, layerNames).value.flatMap(({ tag, value }) =>
    value.case === 'simpleValue' ? [{ tag, value: value.value }] : [],
  );
const histogramsOf = (row: EpochMetrics, { items, layerNames }: Options) =>
  summaryOf(row, items, layerNames).value.flatMap(({ tag, value }) =>
    value.case === 'histo' ? [{ tag, histogram: value.value }] : [],
  );

describe('scalars', () => {
  it('are the figures of a language model, those of layers by name', () => {
    expect(Object.fromEntries(scalarsOf(languageModel, tokens).map((s) => [s.tag, s.value]))).toEqual({
      'perplexity/valid': 100,
      'perplexity/train': 90,
      penalty: 0.25,
      learning_rate: 0.5,
      parameters: 1234,
      'speed/tokens_per_second': 5000,
      'speed/seconds_per_epoch': 9,
      'units/lstm_0': 7,
      'units/lstm_1': 4,
      'units_alive/lstm_0': 5,
      'units_alive/lstm_1': 4,
      'group_norms_zero/lstm_0': 2,
      'group_norms_zero/lstm_1': 4,
    });
  });

  it('are the scores of any task, and nothing that an epoch does not have', () => {
    const train = { accuracy: 0.8, 'macro-F1': 0.75 };
    const row = { ...common, train, itemsPerSecond: 60, units: [], alive: [] };
    expect(scalarsOf(row, { items: 'examples' }).map((s) => s.tag)).toEqual([
      'accuracy/train',
      'macro-F1/train',
      'penalty',
      'learning_rate',
      'parameters',
      'speed/examples_per_second',
      'speed/seconds_per_epoch',
    ]);
    const scored = { ...row, valid: { accuracy: 0.7, loss: 0.9 }, alive: [2] };
    expect(scalarsOf(scored, { items: 'examples' })).toEqual(
      expect.arrayContaining([
        { tag: 'loss/valid', value: Math.fround(0.9) },
        { tag: 'accuracy/valid', value: Math.fround(0.7) },
        { tag: 'units_alive/layer_1', value: 2 },
      ]),
    );
  });
});

describe('histograms', () => {
  const [made, ...others] = histogramsOf(languageModel, tokens);
  const { tag, histogram } = made!;
  const inside = norms.filter((v) => v > 0);

  it('leaves zeros out, and layers that have nothing else', () => {
    expect(tag).toBe('group_norms/lstm_0');
    expect(others).toEqual([]);
    expect(histogram.num).toBe(inside.length);
    expect(histogramsOf({ ...languageModel, groupNorms: undefined }, tokens)).toEqual([]);
  });

  it('counts every norm in the bucket whose edges it lies between', () => {
    const { min, max, bucketLimit, bucket } = histogram;
    const edges = [min, ...bucketLimit];
    expect(edges.at(-1)).toBe(max);
    edges.slice(1).forEach((right, i) => {
      expect(right / edges[i]!).toBeCloseTo(10 ** 0.1, 9);
    });
    expect(bucket).toEqual(bucketLimit.map((right, i) => inside.filter((v) => v >= edges[i]! && v < right).length));
    expect(bucket.at(0)).toBe(1);
    expect(bucket.at(-1)).toBe(1);
  });

  it('knows sum and sum of squares to the width of a bin', () => {
    const sum = inside.reduce((a, v) => a + v, 0);
    const squares = inside.reduce((a, v) => a + v * v, 0);
    expect(Math.abs(Math.log10(histogram.sum / sum))).toBeLessThan(0.05);
    expect(Math.abs(Math.log10(histogram.sumSquares / squares))).toBeLessThan(0.1);
  });
});
