import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph } from '../../test/support/samePass.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, matmul, mul, reshape } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { mergeVectors, ownVectors } from './ownVectors.ts';

const x = randomTensor([5, 2, 3]);
const names = (graph: Graph) => [...graph.initializers.keys()];

function lstm(b: GraphBuilder, x: Value, w: Value, r: Value, bias: Value): Value {
  return b.node('LSTM', [x, w, r, bias], { hidden_size: 4 })[0]!;
}

const matrix = (b: GraphBuilder, name: string, seed: number) =>
  [
    b.parameter(`${name}.w`, randomTensor([1, 16, 3], seed)),
    b.parameter(`${name}.r`, randomTensor([1, 16, 4], seed + 1)),
  ] as const;

describe('ownVectors', () => {
  it('gives strangers their own bias, and makes it one again that stays the same', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const bias = b.parameter('bias', randomTensor([1, 32], 9));
      const [first, second] = [matrix(b, 'first', 1), matrix(b, 'second', 5)];
      return [lstm(b, v.x, ...first, bias), lstm(b, v.x, ...second, bias), lstm(b, mul(v.x, 2), ...first, bias)];
    });
    const after = ownVectors(graph);
    expect(names(after)).toEqual([...names(graph), 'bias%1']);
    expect(after.nodes.filter((n) => n.op === 'LSTM').map((n) => n.inputs[3])).toEqual(['bias', 'bias%1', 'bias']);
    await expectSameGraph(graph, after, { x });
    expect(mergeVectors(after)).toEqual(graph);
    // Copies that a cut made different stay.
    const changed = new Map(after.initializers).set('bias%1', randomTensor([1, 24], 9));
    expect(names(mergeVectors({ ...after, initializers: changed }))).toContain('bias%1');
  });

  it('knows the matrix whose product a vector is added to', () => {
    const graph = graphOver({ x }, (v, b) => {
      const bias = b.parameter('bias', randomTensor([4], 9));
      const [w, u] = [b.parameter('w', randomTensor([3, 4], 1)), b.parameter('u', randomTensor([3, 4], 2))];
      const flat = reshape(v.x, [10, 3]);
      return [add(matmul(flat, w), bias), add(bias, matmul(mul(flat, 2), w)), add(matmul(flat, u), bias)];
    });
    const adds = ownVectors(graph).nodes.filter((n) => n.op === 'Add');
    expect(adds.map((n) => n.inputs.find((name) => name.startsWith('bias')))).toEqual(['bias', 'bias', 'bias%1']);
  });

  it('leaves matrices, and vectors of which something else makes use', () => {
    const graph = graphOver({ x }, (v, b) => {
      const [bias, table] = [b.parameter('bias', randomTensor([3], 9)), b.parameter('table', randomTensor([3, 3], 1))];
      return [add(matmul(v.x, table), bias), add(matmul(v.x, matmul(table, table)), bias), bias];
    });
    expect(ownVectors(graph)).toBe(graph);
  });
});
