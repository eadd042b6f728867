import { describe, expect, it } from 'vitest';
import {
  distinct,
  graphOver,
  largestDifference,
  numbersOf,
  randomTensor,
  runGraph,
} from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import { add, apply, dropout, mul } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { maskDropout } from './maskDropout.ts';

describe('maskDropout', () => {
  const x = distinct([2, 3, 4]);

  it('multiplies by masks that are fed, with the probability to keep of each dropout', async () => {
    const graph = graphOver({ x }, (v) => [dropout(mul(dropout(v.x, 0.25), 2), 0.5)]);
    const { graph: masked, masks } = maskDropout(graph);
    expect(operatorsOf(masked)).not.toContain('Dropout');
    expect(masks.map((m) => [m.dims, m.keep])).toEqual([
      [[2, 3, 4], 0.75],
      [[2, 3, 4], 0.5],
    ]);
    const [a, b] = masks.map((m, i) => randomTensor(m.dims, i + 1)) as [Tensor, Tensor];
    const results = await runGraph(masked, { x, [masks[0]!.input]: a, [masks[1]!.input]: b });
    const expected = numbersOf(x).map((v, i) => 2 * v * numbersOf(a)[i]! * numbersOf(b)[i]!);
    expect(largestDifference(numbersOf(results[graph.outputs[0]!.name]!), expected)).toBeLessThan(1e-5);
  });

  it('takes Dropout of ones for the mask itself', async () => {
    const graph = graphOver({ x }, (v, b) => {
      const mask = dropout(apply('Expand', [b.float(1), b.ints([3, 4])]), 0.5);
      return [mul(v.x, mask), mul(mask, 2)];
    });
    const { graph: masked, masks } = maskDropout(graph);
    expect(masks.map((m) => [m.dims, m.keep])).toEqual([[[3, 4], 0.5]]);
    expect(operatorsOf(masked)).not.toContain('Expand');
    const fed = randomTensor([3, 4]);
    const [first] = graph.outputs;
    const results = await runGraph(masked, { x, [masks[0]!.input]: fed });
    const expected = numbersOf(x).map((v, i) => v * numbersOf(fed)[i % 12]!);
    expect(largestDifference(numbersOf(results[first!.name]!), expected)).toBeLessThan(1e-5);
  });

  it('keeps what the graph computes when every mask is 1', async () => {
    const graph = graphOver({ x }, (v) => [add(dropout(v.x, 0.3), 1)]);
    const { graph: masked, masks } = maskDropout(graph);
    const ones = randomTensor(masks[0]!.dims);
    await expectSameGraph(graph, masked, { x, [masks[0]!.input]: { ...ones, data: new Float32Array(24).fill(1) } });
  });

  it('drops half where no ratio is given, and nothing where it is 0', async () => {
    expect(maskDropout(graphOver({ x }, (v) => apply('Dropout', [v.x]))).masks[0]!.keep).toBe(0.5);
    const graph = graphOver({ x }, (v) => apply('Dropout', [v.x, 0]));
    const { graph: masked, masks } = maskDropout(graph);
    expect(masks).toEqual([]);
    expect(operatorsOf(masked)).not.toContain('Dropout');
    await expectSameGraph(graph, masked, { x });
  });

  it('refuses a size or a ratio that is not known before the run', () => {
    const free = graphOver({ x }, (v) => dropout(v.x, 0.5), { x: ['time', 3, 4] });
    expect(() => maskDropout(free)).toThrow("Dropout 'Dropout_0' needs an input of fixed dimensions, got [time, 3, 4]");
    const ratio = distinct([]);
    const fed = graphOver({ x, ratio }, (v) => apply('Dropout', [v.x, v.ratio]));
    expect(() => maskDropout(fed)).toThrow("Dropout 'Dropout_0' must have a constant ratio (input 1)");
  });
});
