import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../test/support/graphs.ts';
import { expectSameGraph, operatorsOf } from '../../test/support/samePass.ts';
import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { flatten, gemm, reshape, transpose } from '../graph/ops.ts';
import type { Graph } from '../graph/types.ts';
import { turnOnce } from './turnOnce.ts';

/** Products whose left factor is transposed. */
const transposed = ({ nodes }: Graph) => nodes.filter((n) => n.op === 'Gemm' && intAttribute(n, 'transA', 0) === 1);
const turns = (graph: Graph) => operatorsOf(graph).filter((op) => op === 'Transpose').length;

describe('turnOnce', () => {
  // T = 2 steps, B = 3 examples; 129 columns are more than the engine computes in one go.
  const feeds = {
    matrix: randomTensor([6, 4], 1),
    sequence: randomTensor([2, 3, 4], 2),
    columns: randomTensor([2, 4, 3], 3),
    wide: randomTensor([6, 129], 4),
    turnedWide: randomTensor([129, 6], 5),
    narrow: randomTensor([6, 128], 6),
    bias: randomTensor([129], 7),
  };
  type Build = (v: Record<keyof typeof feeds, Value>) => Value | Value[];
  const left = { transA: true };
  const turn = (build: Build) => {
    const graph = graphOver(feeds, build);
    return { graph, turned: turnOnce(graph) };
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
      'one factor of two products',
      (v) => [v.wide, v.wide].map((w) => gemm(flatten(v.sequence, 2), w, undefined, left)),
      1,
    ],
    [
      'a transposed right factor, too',
      (v) => gemm(v.matrix, v.turnedWide, undefined, { transA: true, transB: true }),
      1,
    ],
    ['a scaled product and a bias', (v) => gemm(v.matrix, v.wide, v.bias, { transA: true, alpha: 0.5 }), 1],
  ])('turns %s', async (_, build, expected) => {
    const { graph, turned } = turn(build);
    expect(transposed(turned)).toEqual([]);
    expect(turns(turned)).toBe(expected);
    await expectSameGraph(graph, turned, feeds);
  });

  it('leaves a product that the engine computes in one go', () => {
    const { graph, turned } = turn((v) => gemm(v.matrix, v.narrow, undefined, left));
    expect(operatorsOf(turned)).toEqual(operatorsOf(graph));
  });

  it('leaves a factor of free size', () => {
    const graph = graphOver(feeds, (v) => gemm(v.matrix, v.wide, undefined, left), { matrix: ['rows', 4] });
    expect(transposed(turnOnce(graph))).toHaveLength(1);
  });
});
