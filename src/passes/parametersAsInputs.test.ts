import { describe, expect, it } from 'vitest';
import { graphOver, loop, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import type { Value } from '../graph/builder.ts';
import { add, matmul, mul, squeeze } from '../graph/ops.ts';
import { parametersAsInputs } from './parametersAsInputs.ts';

describe('parametersAsInputs', () => {
  const x = randomTensor([2, 3], 1);

  it('feeds every initializer, without a leading 1 that the graph drops', async () => {
    const w = randomTensor([1, 3, 4], 2);
    const bias = randomTensor([4], 3);
    const graph = graphOver({ x }, (v, b) =>
      add(matmul(v.x, squeeze(b.parameter('w', w), [0])), b.parameter('bias', bias)),
    );
    const { graph: fed, parameters } = parametersAsInputs(graph);
    expect(fed.initializers.size).toBe(0);
    expect(parameters).toEqual([
      { name: 'w', dims: [3, 4] },
      { name: 'bias', dims: [4] },
    ]);
    expect(operatorsOf(fed)).not.toContain('Squeeze');
    await expectSameGraph(graph, fed, { x, w: { ...w, dims: [3, 4] }, bias });
  });

  it.each<[string, readonly number[], (x: Value, w: Value) => Value | Value[]]>([
    ['is also used as it is', [1, 3, 4], (x, w) => [matmul(x, squeeze(w, [0])), mul(w, 2)]],
    ['loses another axis', [3, 1, 4], (x, w) => matmul(x, squeeze(w, [1]))],
    ['loses two axes', [1, 1, 3], (x, w) => mul(x, squeeze(w, [0, 1]))],
    ['has no axis of size 1', [3, 4], (x, w) => matmul(x, w)],
    [
      'is also used as it is in a loop',
      [1, 3],
      (x, w) => [mul(x, squeeze(w, [0])), ...loop([], [x], (_, [row]) => [mul(row!, w)])],
    ],
  ])('keeps the dimensions of one that %s', async (_, dims, build) => {
    const w = randomTensor(dims, 2);
    const graph = graphOver({ x }, (v, b) => build(v.x, b.parameter('w', w)));
    const { graph: fed, parameters } = parametersAsInputs(graph);
    expect(parameters).toEqual([{ name: 'w', dims }]);
    await expectSameGraph(graph, fed, { x, w });
  });
});
