import { describe, expect, it } from 'vitest';
import { graphOver, loop, randomTensor } from '../../test/support/graphs.ts';
import { floats } from './attributes.ts';
import type { GraphBuilder, Value } from './builder.ts';
import {
  add,
  apply,
  concat,
  div,
  fullLike,
  gemm,
  matmul,
  mul,
  reduceSum,
  relu,
  reshape,
  sub,
  tanh,
  transpose,
  where,
} from './ops.ts';
import { zeroValues } from './zeroValues.ts';

const inputs = {
  zero: randomTensor([2, 2]),
  x: randomTensor([2, 2]),
  steps: randomTensor([3, 2, 2]),
  once: randomTensor([1, 2, 2]),
};
type Values = Record<keyof typeof inputs, Value>;

/** Whether what is built is known to be 0 where `zero` is. */
function isZero(build: (v: Values, b: GraphBuilder) => Value): boolean {
  const graph = graphOver(inputs, build);
  return zeroValues(graph, new Set(['zero']))(graph.outputs[0]!.name);
}

describe('zeroValues', () => {
  it.each<[string, (v: Values, b: GraphBuilder) => Value]>([
    ['a product', (v) => mul(v.x, v.zero)],
    ['a matrix product', (v) => matmul(v.zero, v.x)],
    ['a Gemm without addend', (v) => gemm(v.x, v.zero)],
    ['a Gemm whose addend is 0', (v) => gemm(v.x, v.zero, v.zero)],
    ['a convolution', (v, b) => apply('Conv', [reshape(v.zero, [1, 2, 2]), b.constant(randomTensor([1, 2, 1]))])],
    ['a quotient', (v) => div(v.zero, v.x)],
    ['what is moved', (v) => transpose(reshape(v.zero, [4, 1]), [1, 0])],
    ['a sum of zeros', (v, b) => add(relu(tanh(v.zero)), b.constant(floats([2], [0, 0])))],
    ['what is filled with 0', (v) => concat([fullLike(v.x, 0), v.zero], 0)],
    ['a reduction', (v) => reduceSum(sub(v.zero, v.zero))],
    ['a choice between zeros', (v, b) => where(apply('Greater', [v.x, b.float(0)]), v.zero, b.float(0))],
    ['a border of zeros', (v, b) => apply('Pad', [v.zero, b.ints([1, 0, 0, 0])])],
    ['a state that stays', (v) => loop([v.zero], [v.steps], ([s], [x]) => [mul(s!, x!)])[0]!],
    [
      'the state before the only step',
      (v) => loop([v.zero], [v.once], ([s], [x]) => [tanh(x!), apply('Identity', [s])])[1]!,
    ],
  ])('knows %s', (_, build) => {
    expect(isZero(build)).toBe(true);
  });

  it.each<[string, (v: Values, b: GraphBuilder) => Value]>([
    ['an input', (v) => tanh(v.x)],
    ['a sum', (v) => add(v.x, v.zero)],
    ['a Gemm with an addend', (v) => gemm(v.x, v.zero, v.x)],
    ['a function that is not 0 at 0', (v) => apply('Sigmoid', [v.zero])],
    ['a quotient by it', (v) => div(v.x, v.zero)],
    ['another filling', (v) => fullLike(v.x, 1)],
    ['a border of something else', (v, b) => apply('Pad', [v.zero, b.ints([1, 0, 0, 0]), b.float(1)])],
    ['a state that moves', (v) => loop([v.zero], [v.steps], ([s], [x]) => [add(s!, x!), apply('Identity', [s])])[1]!],
    ['the state behind the only step', (v) => loop([v.zero], [v.once], ([s], [x]) => [add(s!, x!)])[0]!],
    [
      'a state that another one moves',
      (v) => loop([v.zero, v.x], [v.steps], ([s, r], [x]) => [mul(r!, 1), add(r!, x!), apply('Identity', [s])])[2]!,
    ],
  ])('does not take %s for 0', (_, build) => {
    expect(isZero(build)).toBe(false);
  });
});
