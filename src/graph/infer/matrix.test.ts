import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { apply, matmul } from '../ops.ts';
import type { Dim } from '../types.ts';
import { matrixShapes } from './matrix.ts';

const product = (a: readonly number[], b: readonly number[], free: { a?: readonly Dim[]; b?: readonly Dim[] } = {}) =>
  shapeCase('MatMul', `[${a}] · [${b}]`, { a: randomTensor(a), b: randomTensor(b) }, (v) => matmul(v.a, v.b), { free });

const cases: ShapeCase[] = [
  product([2, 3], [3, 4], { a: ['batch', 3], b: [3, 'classes'] }),
  product([5, 2, 3], [3, 4], { a: ['time', 'batch', 3] }),
  product([5, 2, 3], [5, 3, 4], { a: ['time', 'batch', 3], b: ['time', 3, 4] }),
  product([1, 2, 3], [5, 3, 4], { b: ['time', 3, 4] }),
  product([2, 3], [5, 3, 4], { a: ['batch', 3], b: ['time', 3, 4] }),
  product([6, 1, 2, 3], [5, 3, 4], { a: ['n', 1, 'batch', 3] }),
  product([3], [3]),
  product([3], [3, 4], { b: [3, 'classes'] }),
  product([2, 3], [3], { a: ['batch', 3] }),
  product([3], [5, 3, 4], { b: ['time', 3, 4] }),
  product([5, 2, 3], [3], { a: ['time', 'batch', 3] }),
  ...[0, 1].flatMap((transA) =>
    [0, 1].map((transB) =>
      shapeCase(
        'Gemm',
        `transA ${transA}, transB ${transB}`,
        { a: randomTensor(transA ? [3, 2] : [2, 3]), b: randomTensor(transB ? [4, 3] : [3, 4]), c: randomTensor([4]) },
        (v) => apply('Gemm', [v.a, v.b, v.c], { transA, transB }),
        { free: { a: transA ? [3, 'batch'] : ['batch', 3] } },
      ),
    ),
  ),
  shapeCase('Gemm', 'no third operand', { a: randomTensor([2, 3]), b: randomTensor([3, 4]) }, (v) =>
    apply('Gemm', [v.a, v.b]),
  ),
];

describe('shapes of matrix operators', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(matrixShapes)));
  });
});
