import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import type { Value } from '../graph/builder.ts';
import { add, apply, matmul, mul, transpose } from '../graph/ops.ts';
import { fuseLinear } from './fuseLinear.ts';

describe('fuseLinear', () => {
  const x = randomTensor([2, 3, 4], 1);
  const w = randomTensor([4, 5], 2);
  const turned = randomTensor([5, 4], 3);
  const bias = randomTensor([5], 4);
  const feeds = { x, w, turned, bias };
  type Build = (v: Record<keyof typeof feeds, Value>) => Value | Value[];
  const fuse = (build: Build) => {
    const graph = graphOver(feeds, build);
    return { graph, fused: fuseLinear(graph) };
  };

  it.each<[string, Build, string[]]>([
    ['product + bias', (v) => add(matmul(v.x, v.w), v.bias), ['Gemm']],
    ['bias + product', (v) => add(v.bias, matmul(v.x, v.w)), ['Gemm']],
    ['a product alone', (v) => matmul(v.x, v.w), ['Gemm']],
    ['a transposed weight', (v) => add(matmul(v.x, transpose(v.turned, [1, 0])), v.bias), ['Gemm']],
    ['a transposed weight, perm by default', (v) => matmul(v.x, apply('Transpose', [v.turned])), ['Gemm']],
    [
      'a product that is also used without the bias',
      (v) => {
        const product = matmul(v.x, v.w);
        return [add(product, v.bias), mul(product, 2)];
      },
      ['Gemm', 'Add', 'Mul'],
    ],
    ['two layers', (v) => matmul(add(matmul(v.x, v.w), v.bias), v.turned), ['Gemm', 'Gemm']],
    ['a sum of two products', (v) => add(matmul(v.x, v.w), matmul(v.x, v.w)), ['Gemm', 'Gemm', 'Add']],
    ['four axes', (v) => add(matmul(apply('Unsqueeze', [v.x, v.x.builder.ints([0])]), v.w), v.bias), ['Gemm']],
    ['a number added', (v) => add(matmul(v.x, v.w), 3), ['Gemm', 'Add']],
  ])('keeps %s', async (_, build, expected) => {
    const { graph, fused } = fuse(build);
    const arithmetic = operatorsOf(fused).filter((op) => ['Gemm', 'MatMul', 'Add', 'Mul', 'Transpose'].includes(op));
    expect(arithmetic).toEqual(expected);
    await expectSameGraph(graph, fused, feeds);
  });

  it.each<[string, Build]>([
    ['products of matrices', (v) => matmul(v.turned, v.w)],
    ['products of two sequences', (v) => matmul(v.x, transpose(v.x, [0, 2, 1]))],
  ])('leaves %s', async (_, build) => {
    const { graph, fused } = fuse(build);
    expect(operatorsOf(fused)).toEqual(operatorsOf(graph));
    await expectSameGraph(graph, fused, feeds);
  });

  it('leaves sequences of free sizes', async () => {
    const graph = graphOver(feeds, (v) => add(matmul(v.x, v.w), v.bias), { x: ['time', 3, 4] });
    expect(operatorsOf(fuseLinear(graph))).toEqual(['MatMul', 'Add']);
  });

  it('leaves an addition that makes a layer of one unit wider', async () => {
    const single = { x, w: randomTensor([4, 1], 2), bias };
    const graph = graphOver(single, (v) => add(matmul(v.x, v.w), v.bias));
    await expectSameGraph(graph, fuseLinear(graph), single);
  });
});
