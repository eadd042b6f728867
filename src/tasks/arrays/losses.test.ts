import { describe, expect, it } from 'vitest';
import { graphOver, numbersOf, runGraph } from '../../../test/support/graphs.ts';
import { floats, int64s } from '../../graph/attributes.ts';
import { type LossName, losses } from './losses.ts';

/** Losses and rights of some places. */
async function scored(name: LossName, scores: ReturnType<typeof floats>, targets: ReturnType<typeof floats>) {
  const graph = graphOver({ scores, targets }, (v) => {
    const { losses: each, correct } = losses[name].terms(v.scores, v.targets);
    return correct ? [each, correct] : [each];
  });
  const results = await runGraph(graph, { scores, targets });
  return graph.outputs.map((o) => numbersOf(results[o.name]!));
}

const close = (got: readonly number[], expected: readonly number[]) => {
  expect(got).toHaveLength(expected.length);
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i]!, 5);
  });
};

describe('losses', () => {
  it('cross entropy is −log softmax at the target, also far out', async () => {
    const scores = floats([3, 3], [1, 2, 3, 80, 0, -80, 0, 0, 0]);
    const [each, correct] = await scored('cross-entropy', scores, int64s([3], [1, 2, 0]));
    const total = Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3));
    close(each!, [total - 2, 160, Math.log(3)]);
    expect(correct).toEqual([0, 0, 1]);
  });

  it('bce takes logits, also far out, and targets in between', async () => {
    const x = [0.3, -100, 100, -2];
    const t = [1, 1, 1, 0.25];
    const [each, correct] = await scored('bce', floats([4], x), floats([4], t));
    const expected = [Math.log(1 + Math.exp(-0.3)), 100, 0];
    const p = 1 / (1 + Math.exp(2));
    close(each!, [...expected, -0.25 * Math.log(p) - 0.75 * Math.log(1 - p)]);
    expect(correct).toEqual([1, 0, 1, 1]);
  });

  it('mse is the squared difference', async () => {
    const [each, correct] = await scored('mse', floats([2], [1, -2]), floats([2], [0.5, 1]));
    close(each!, [0.25, 9]);
    expect(correct).toBeUndefined();
  });
});
