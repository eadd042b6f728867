import { describe, expect, it } from 'vitest';
import { modelOf } from '../onnx/model.ts';
import { withoutDropout } from './dropout.ts';
import { add, dropout, matmul, mul } from './ops.ts';
import { graphOver, largestDifference, loop, numbersOf, randomTensor, runGraph } from './testGraphs.ts';
import type { Graph } from './types.ts';

const inputs = { h: randomTensor([2, 2], 1), x: randomTensor([3, 2, 2], 2), w: randomTensor([2, 2], 3) };

/** Names of the operators that are left, after checking that the results are the same. */
async function opsWithout(graph: Graph): Promise<string[]> {
  const without = withoutDropout(modelOf(graph)).graph;
  expect(without.outputs).toEqual(graph.outputs);
  const [before, after] = [await runGraph(graph, inputs), await runGraph(without, inputs)];
  for (const { name } of graph.outputs) {
    expect(largestDifference(numbersOf(after[name]!), numbersOf(before[name]!)), name).toBeLessThan(1e-6);
  }
  return without.nodes.map((n) => n.op);
}

describe('withoutDropout', () => {
  it('leads around one dropout after another', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => [mul(dropout(dropout(x, 0.5), 0.3), w), add(h, w)]);
    expect(await opsWithout(graph)).toEqual(['Mul', 'Add']);
  });

  it('leads around a dropout that the body of a loop reads', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => {
      const dropped = dropout(w, 0.5);
      return loop([h], [x], ([s], [xt]) => [add(matmul(dropped, s!), xt!)]);
    });
    expect(await opsWithout(graph)).toEqual(['Scan']);
  });

  it('keeps one that is an output, which would lose its name', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => [dropout(x, 0.5), add(h, w)]);
    expect(await opsWithout(graph)).toContain('Dropout');
  });
});
