import { describe, expect, it } from 'vitest';
import { scaledReaders } from '../../test/support/scaledReaders.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { mapStored } from '../graph/stored.ts';
import type { Model } from '../graph/types.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { meanLoss } from '../tasks/score.ts';
import type { Problem } from '../tasks/task.ts';
import { createScorer } from './scorer.ts';
import { measureLossTaylor } from './taylor.ts';

/** A problem of the first so many batches of an epoch. */
function shortened(problem: Problem, count: number): Problem {
  return { ...problem, batches: (split, order) => ({ ...problem.batches(split, order), count }) };
}

/** |∂L/∂g_k| of the first batch by central differences, extrapolated to a step of 0 (Richardson). */
async function bruteForce(traced: TracedModel, problem: Problem): Promise<number[]> {
  const lossWith = async (k: number, factor: number) => {
    const { graph } = traced.prepared;
    const model = { ...traced.prepared, graph: { ...graph, initializers: scaledReaders(traced, k, factor) } };
    const scorer = createScorer(model, { problem: shortened(problem, 1), runtime: nodeRuntime, seed: 1, threads: 1 });
    try {
      return meanLoss.of(await scorer.score('train'));
    } finally {
      await scorer.release();
    }
  };
  const slope = async (k: number, step: number) =>
    ((await lossWith(k, 1 + step)) - (await lossWith(k, 1 - step))) / (2 * step);
  const slopes: number[] = [];
  for (let k = 0; k < traced.groups.count; k++) {
    slopes.push(Math.abs(4 * (await slope(k, STEP)) - (await slope(k, 2 * STEP))) / 3);
  }
  return slopes;
}

/** Of a gate, at most this in either direction; smaller ones drown in float32. */
const STEP = 0.05;

const smooth = taskCases.filter(({ hasKinks = false }) => !hasKinks).map((each) => [each.name, each] as const);

/** Fresh weights of a classifier are so small that its loss hardly moves. */
const factors: Readonly<Record<string, number>> = { 'text-classification': 10 };

function withWeightsTimes(model: Model, factor: number): Model {
  const graph = mapStored(model.graph, (tensor) =>
    tensor.data instanceof Float32Array ? { ...tensor, data: tensor.data.map((w) => factor * w) } : tensor,
  );
  return { ...model, graph };
}

describe.each(smooth)('the loss of %s', (name, { make }) => {
  const { task } = make();
  const model = withWeightsTimes(task.model(), factors[name] ?? 1);
  const traced = traceModel(model, task.states && { states: task.states });
  const measured = (batches: number, seed = 1) =>
    measureLossTaylor(traced, { problem: task.problem, runtime: nodeRuntime, threads: 1, batches, seed });

  it('changes without a unit as its derivative says', async () => {
    const expected = await bruteForce(traced, task.problem);
    const scores = await measured(1);
    expect(scores.length).toBe(expected.length);
    expect(Math.max(...expected)).toBeGreaterThan(1e-3);
    const deviations = expected.map((value, k) => Math.abs(scores[k]! - value));
    for (const deviation of deviations) expect(deviation).toBeLessThan(1e-5 * Math.max(...expected) + 1e-5);
  });

  it('is averaged over batches, the same for the same seed', async () => {
    const [once, again, other] = [await measured(3), await measured(3), await measured(3, 2)];
    expect(once.every((score) => score > 0)).toBe(true);
    expect(again).toEqual(once);
    // A text has one order.
    if (task.problem.carriesState) expect(other).toEqual(once);
    else expect(other).not.toEqual(once);
  });
});

it('refuses data in which nothing counts', async () => {
  const { task } = taskCases.find(({ name }) => name === 'arrays')!.make();
  const empty = { problem: shortened(task.problem, 0), runtime: nodeRuntime };
  await expect(measureLossTaylor(traceModel(task.model()), empty)).rejects.toThrow('nothing counts');
});
