import { beforeAll, describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { readSettings } from '../config/readSettings.ts';
import { trainParts } from '../config/trainParts.ts';
import { modelOf } from '../graph/model.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import type { Problem } from '../tasks/task.ts';
import { type Calibration, type CalibrationOptions, calibrate } from './calibrate.ts';
import { train } from './trainer.ts';

/*
 * Any task, any score: one that is better when it is higher, a loss, a share of 1.
 */

const config = readSettings(
  'test',
  { loss: 'cross-entropy', targetArray: 'y', learningRate: 0.02, epochs: 6 },
  { task: 'arrays' },
);
const data = {
  train: { source: 'train', arrays: sumTask(128) },
  valid: { source: 'valid', arrays: sumTask(200, 5, 2) },
};
const parts = trainParts({ ...config, threads: 1 });
const task = loadedArrays(config, recurrentModel({ direction: 'bidirectional' }), data);
let model: CalibrationOptions['model'];

beforeAll(async () => {
  ({ model } = await train({ ...parts, problem: task.problem, model: task.model(), runtime: nodeRuntime }));
});

const calibrated = (options: Partial<CalibrationOptions>): Promise<Calibration> =>
  calibrate({
    ...{ model, problem: task.problem, runtime: nodeRuntime, settings: parts.settings, tolerance: 0.01 },
    ...options,
  });

/** The same problem judged by its second score, the loss. */
const byLoss: Problem = { ...task.problem, scores: [...task.problem.scores].reverse() };

describe('the tolerance', () => {
  it('is in points of a share', async () => {
    const { score, value, points, threshold } = await calibrated({ tolerance: 0.02 });
    expect(score).toEqual({ name: 'accuracy', better: 'higher', decimals: 2, isShare: true });
    expect(value).toBeGreaterThan(0.8);
    for (const point of points) {
      expect(point.change).toBeCloseTo(point.value - value, 12);
      expect(point.isSafe).toBe(point.change >= -0.02);
    }
    expect(points.find((p) => p.threshold === threshold)!.isSafe).toBe(true);
    expect(points.find((p) => p.threshold > threshold!)!.isSafe).toBe(false);
    expect(points.at(-1)!.value).toBeLessThan(value - 0.1);
  });

  it('is relative to a loss', async () => {
    const { score, value, points } = await calibrated({ problem: byLoss, tolerance: 0.05 });
    expect(score.name).toBe('loss');
    for (const point of points) {
      expect(point.change).toBeCloseTo(point.value / value - 1, 12);
      expect(point.isSafe).toBe(point.change <= 0.05);
    }
    expect(points.at(-1)!.value).toBeGreaterThan(1.1 * value);
  });

  it('is a gain where the score gets better', async () => {
    // The same score with its sign turned: what was worse is better, and every threshold is safe.
    const worse = { ...task.problem.scores[0]!, better: 'lower' } as const;
    const { points, threshold } = await calibrated({ problem: { ...task.problem, scores: [worse] }, tolerance: 0.5 });
    expect(points.every(({ isSafe }) => isSafe)).toBe(true);
    expect(threshold).toBe(points.at(-1)!.threshold);
    expect(points.at(-1)!.share).toBe(1);
  });
});

it('thresholds each direction of a layer and what reads it, but nothing that is frozen', async () => {
  const { parameters, weights } = await calibrated({});
  expect([...parameters].sort()).toEqual(['R.forward', 'R.reverse', 'W.forward', 'W.reverse', 'head']);
  expect(weights).toBe(2 * 24 * (2 + 6) + 12 * 2);
  const frozen = await calibrated({ settings: { ...parts.settings, freeze: ['W*'] } });
  expect([...frozen.parameters].sort()).toEqual(['R.forward', 'R.reverse', 'head']);
});

it('leaves the model as it was', async () => {
  const before = [...model.graph.initializers].map(([name, { data: values }]) => [
    name,
    Array.from(values as Float32Array),
  ]);
  await calibrated({});
  expect(
    [...model.graph.initializers].map(([name, { data: values }]) => [name, Array.from(values as Float32Array)]),
  ).toEqual(before);
});

it('refuses what has nothing held out, and a model without units', async () => {
  const { problem } = loadedArrays(config, recurrentModel(), { train: data.train });
  await expect(calibrated({ problem })).rejects.toThrow('τ is found on held-out data');
  const settings = { ...parts.settings, fix: ['layer'] };
  await expect(calibrated({ model: modelOf(recurrentModel().graph), settings })).rejects.toThrow('no parameters');
});
