import { describe, expect, it } from 'vitest';
import { graphOver, largestDifference, loop, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { graphAttribute, int64s } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import {
  add,
  cast,
  dropout,
  expand,
  gatherElements,
  matmul,
  mul,
  shapeOf,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { withoutDropout } from './withoutDropout.ts';

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

  it('leaves an output its name', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => [dropout(x, 0.5), add(h, w)]);
    expect(await opsWithout(graph)).toEqual(['Identity', 'Add']);
  });

  it('takes out one inside a loop, also where it is what the body gives', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) =>
      loop([h], [x], ([s], [xt]) => [add(matmul(w, dropout(s!, 0.5)), xt!), dropout(xt!, 0.5)]),
    );
    expect(await opsWithout(graph)).toEqual(['Scan']);
    const body = graphAttribute(withoutDropout(modelOf(graph)).graph.nodes[0]!, 'body')!;
    expect(body.nodes.map((n) => n.op)).toEqual(['MatMul', 'Add', 'Identity']);
  });

  it('keeps one whose second output is taken: it says what was kept', async () => {
    const graph = graphOver(inputs, ({ h, x, w }, b) => {
      const [y, kept] = b.node('Dropout', [x], {}, 2);
      return [cast(kept!, 'float32'), mul(y!, add(h, w))];
    });
    expect(await opsWithout(graph)).toContain('Dropout');
  });
});

describe('withoutDropout of masks', () => {
  const mask = (like: Value) => dropout(expand(like.builder.float(1), shapeOf(like)), 0.5);

  it('takes the products with them out, whichever side they stand on and however they were moved', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => {
      const rows = gatherElements(mask(h), h.builder.constant(int64s([1, 2], [1, 0])), 0);
      return [mul(x, mask(h)), mul(unsqueeze(transpose(mask(w), [1, 0]), [0]), x), mul(x, rows)];
    });
    expect(await opsWithout(graph)).toEqual(['Identity', 'Identity', 'Identity']);
  });

  it('takes them out of the body of a loop that shares one', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => {
      const shared = mask(h);
      return loop([h], [x], ([s], [xt]) => [add(matmul(w, mul(s!, shared)), mul(shared, xt!))]);
    });
    expect(await opsWithout(graph)).toEqual(['Scan']);
    const body = graphAttribute(withoutDropout(modelOf(graph)).graph.nodes[0]!, 'body')!;
    expect(body.nodes.map((n) => n.op)).toEqual(['MatMul', 'Add']);
  });

  it('takes out a product of two', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => [mul(mul(mask(h), mask(w)), x)]);
    expect(await opsWithout(graph)).toEqual(['Identity']);
  });

  it('keeps a product that makes a larger value of its other operand', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => [add(mul(mask(x), h), w)]);
    expect(await opsWithout(graph)).toEqual(['Constant', 'Shape', 'Expand', 'Mul', 'Add']);
  });

  it('keeps other products with ones', async () => {
    const graph = graphOver(inputs, ({ h, x, w }) => {
      const ones = expand(h.builder.float(1), shapeOf(h));
      return [mul(x, ones), dropout(add(h, w), 0.5)];
    });
    expect(await opsWithout(graph)).toContain('Mul');
  });

  it('knows a free dimension from another', async () => {
    const shapes = { h: ['a', 2], x: ['t', 'a', 2], w: ['c', 2] };
    const graph = graphOver(inputs, ({ h, x, w }) => [mul(x, mask(h)), mul(x, mask(w))], shapes);
    expect((await opsWithout(graph)).filter((op) => op === 'Mul')).toHaveLength(1);
  });
});
