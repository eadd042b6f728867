import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { add, apply, gemm, matmul, mul, tanh, transpose } from '../graph/ops.ts';
import { matrixGradients } from './matrix.ts';

const product = (variant: string, a: readonly number[], b: readonly number[]) =>
  gradientCase('MatMul', `${variant}: [${a}] · [${b}]`, { a: randomTensor(a, 1), b: randomTensor(b, 2) }, (v) =>
    matmul(v.a, v.b),
  );

const gemmCases = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) =>
    [1, -0.7].map((alpha) => {
      const a = randomTensor(transA ? [3, 2] : [2, 3], 1);
      const b = randomTensor(transB ? [4, 3] : [3, 4], 2);
      const options = { transA, transB, alpha: float(alpha), beta: float(2 * alpha) };
      return gradientCase(
        'Gemm',
        `transA ${transA}, transB ${transB}, alpha ${alpha}`,
        { a, b, c: randomTensor([4], 3) },
        (v) => apply('Gemm', [v.a, v.b, v.c], options),
      );
    }),
  ),
);

const addend = (c: readonly number[]) =>
  gradientCase(
    'Gemm',
    `third operand [${c}]`,
    { a: randomTensor([2, 3], 1), b: randomTensor([3, 4], 2), c: randomTensor(c, 3) },
    (v) => apply('Gemm', [v.a, v.b, v.c], { beta: float(0.5) }),
  );

const summed = (equation: string, ...dims: number[][]) => {
  const operands = Object.fromEntries(dims.map((d, i) => [`x${i}`, randomTensor(d, i + 1)]));
  return gradientCase('Einsum', equation, operands, (v) =>
    apply(
      'Einsum',
      dims.map((_, i) => v[`x${i}`]!),
      { equation },
    ),
  );
};

const square = { x: randomTensor([3, 3]) };

const cases: GradientCase[] = [
  product('matrices', [2, 3], [3, 4]),
  product('one row', [1, 3], [3, 1]),
  product('3-D by 2-D', [2, 3, 4], [4, 5]),
  product('4-D by 2-D', [2, 1, 3, 2], [2, 3]),
  product('2-D by 3-D', [2, 3], [4, 3, 2]),
  product('batched', [2, 3, 4], [2, 4, 2]),
  product('batch broadcast at the left', [1, 3, 2], [4, 2, 3]),
  product('batch broadcast at the right', [4, 3, 2], [1, 2, 3]),
  product('batch axes of both repeated', [2, 1, 3, 2], [3, 2, 2]),
  product('vector by vector', [4], [4]),
  product('vector by matrix', [3], [3, 4]),
  product('matrix by vector', [2, 3], [3]),
  product('vector by batch', [3], [2, 3, 4]),
  product('batch by vector', [2, 4, 3], [3]),
  gradientCase('MatMul', 'a value by itself', square, ({ x }) => matmul(x, x)),
  gradientCase('MatMul', 'a value by its transpose', square, ({ x }) => matmul(x, transpose(x, [1, 0]))),
  gradientCase(
    'MatMul',
    'two layers',
    { x: randomTensor([2, 2, 3]), w: randomTensor([3, 4], 2), b: randomTensor([4], 3), head: randomTensor([4, 2], 4) },
    (v) => matmul(tanh(add(matmul(v.x, v.w), v.b)), v.head),
  ),
  ...gemmCases,
  ...[[2, 4], [1, 4], [2, 1], [4], [1], []].map(addend),
  summed('bij,bjk->bik', [2, 3, 4], [2, 4, 2]),
  summed('btf,hf->bth', [2, 3, 4], [5, 4]),
  summed('abc->ca', [2, 3, 4]),
  summed('i,j->ij', [3], [2]),
  summed('abc, cd -> d', [2, 3, 4], [4, 2]),
  gradientCase('Gemm', 'no third operand', { a: randomTensor([2, 3]), b: randomTensor([4, 3], 2) }, (v) =>
    gemm(v.a, v.b, undefined, { transB: true }),
  ),
  gradientCase('Gemm', 'a value in all three places', square, ({ x }) => mul(gemm(x, x, x, { transA: true }), x)),
];

describe('gradients of matrix operators', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(matrixGradients)));
  });
});
