import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { flatten, gemm, reshape, transpose } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { transposeOnce } from './transposeOnce.ts';

/** Products whose left factor is transposed. */
const transposed = ({ nodes }: Graph) => nodes.filter((n) => n.op === 'Gemm' && intAttribute(n, 'transA', 0) === 1);
const transposes = (graph: Graph) => operatorsOf(graph).filter((op) => op === 'Transpose').length;

describe('transposeOnce', () => {
  // T = 2 steps, B = 3 examples; 129 columns are more than the engine computes in one go.
  const feeds = {
    matrix: randomTensor([6, 4], 1),
    sequence: randomTensor([2, 3, 4], 2),
    columns: randomTensor([2, 4, 3], 3),
    wide: randomTensor([6, 129], 4),
    wideTransposed: randomTensor([129, 6], 5),
    narrow: randomTensor([6, 128], 6),
    bias: randomTensor([129], 7),
  };
  type Build = (v: Record<keyof typeof feeds, Value>) => Value | Value[];
  const left = { transA: true };
  const change = (build: Build) => {
    const graph = graphOver(feeds, build);
    return { graph, changed: transposeOnce(graph) };
  };

  it.each<[string, Build, number]>([
    ['a matrix', (v) => gemm(v.matrix, v.wide, undefined, left), 1],
    ['the rows of a sequence', (v) => gemm(flatten(v.sequence, 2), v.wide, undefined, left), 1],
    ['the rows of a reshaped sequence', (v) => gemm(reshape(v.sequence, [6, 4]), v.wide, undefined, left), 1],
    ['a matrix that is no rows of what it was', (v) => gemm(reshape(v.columns, [6, 4]), v.wide, undefined, left), 1],
    [
      'steps whose columns are examples',
      (v) => gemm(flatten(transpose(v.columns, [0, 2, 1]), 2), v.wide, undefined, left),
      1,
    ],
    [
      'a sequence whose rows are a factor of two products',
      (v) => [v.wide, v.wide].map((w) => gemm(flatten(v.sequence, 2), w, undefined, left)),
      1,
    ],
    ['a matrix of two products', (v) => [v.wide, v.wide].map((w) => gemm(v.matrix, w, undefined, left)), 1],
    [
      'a transposed right factor, too',
      (v) => gemm(v.matrix, v.wideTransposed, undefined, { transA: true, transB: true }),
      1,
    ],
    ['a scaled product and a bias', (v) => gemm(v.matrix, v.wide, v.bias, { transA: true, alpha: 0.5 }), 1],
  ])('transposes %s', async (_, build, expected) => {
    const { graph, changed } = change(build);
    expect(transposed(changed)).toEqual([]);
    expect(transposes(changed)).toBe(expected);
    await expectSameGraph(graph, changed, feeds);
  });

  it('leaves a product that the engine computes in one go', () => {
    const { graph, changed } = change((v) => gemm(v.matrix, v.narrow, undefined, left));
    expect(operatorsOf(changed)).toEqual(operatorsOf(graph));
  });

  it('leaves a factor of free size', () => {
    const graph = graphOver(feeds, (v) => gemm(v.matrix, v.wide, undefined, left), { matrix: ['rows', 4] });
    expect(transposed(transposeOnce(graph))).toHaveLength(1);
  });
});
