import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import type { Value } from '../graph/builder.ts';
import { apply, reduceSum } from '../graph/ops.ts';
import { sumsAsProducts } from './sumsAsProducts.ts';

describe('sumsAsProducts', () => {
  const feeds = {
    matrix: randomTensor([70, 60], 1),
    sequence: randomTensor([10, 7, 60], 2),
    small: randomTensor([8, 60], 3),
    vector: randomTensor([5000], 4),
  };
  type Build = (v: Record<keyof typeof feeds, Value>) => Value | Value[];
  const change = (build: Build) => {
    const graph = graphOver(feeds, build);
    return { graph, changed: sumsAsProducts(graph) };
  };

  it.each<[string, Build]>([
    ['the rows of a matrix', (v) => reduceSum(v.matrix, [0])],
    ['the rows of a matrix, the axis counted from the end', (v) => reduceSum(v.matrix, [-2])],
    ['the rows of a matrix, kept as one', (v) => reduceSum(v.matrix, [0], true)],
    ['all steps and examples', (v) => reduceSum(v.sequence, [0, 1])],
    ['all steps and examples, kept', (v) => reduceSum(v.sequence, [1, 0], true)],
  ])('multiplies for the sum of %s', async (_, build) => {
    const { graph, changed } = change(build);
    expect(operatorsOf(changed)).toContain('MatMul');
    expect(operatorsOf(changed)).not.toContain('ReduceSum');
    await expectSameGraph(graph, changed, feeds);
  });

  it.each<[string, Build]>([
    ['columns', (v) => reduceSum(v.matrix, [1])],
    ['one of two axes', (v) => reduceSum(v.sequence, [0])],
    ['everything', (v) => reduceSum(v.matrix)],
    ['no axis', (v) => apply('ReduceSum', [v.matrix], { noop_with_empty_axes: 1 })],
    ['a vector', (v) => reduceSum(v.vector, [0])],
    ['few numbers', (v) => reduceSum(v.small, [0])],
  ])('leaves the sum of %s', async (_, build) => {
    const { graph, changed } = change(build);
    expect(operatorsOf(changed)).toEqual(operatorsOf(graph));
  });

  it('leaves sums of free size and of integers', () => {
    const free = graphOver(feeds, (v) => reduceSum(v.matrix, [0]), { matrix: ['rows', 60] });
    expect(operatorsOf(sumsAsProducts(free))).toContain('ReduceSum');
    const whole = graphOver(feeds, (v) => reduceSum(apply('Cast', [v.matrix], { to: 7 }), [0]));
    expect(operatorsOf(sumsAsProducts(whole))).toContain('ReduceSum');
  });
});
