import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { either, graphOver, loop, randomTensor } from '../../test/support/graphs.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { add, gather, greater, identity, matmul, mul, reduceSum, sigmoid, squeeze, tanh } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';

const flag = (value: number): Tensor => ({ elementType: 'bool', dims: [], data: Uint8Array.of(value) });
const inputs = {
  x: randomTensor([3, 2, 2], 1),
  w: randomTensor([2, 2], 2),
  v: randomTensor([2, 2], 3),
  h: randomTensor([2, 2], 4),
  wx: randomTensor([1, 8, 2], 5),
  wh: randomTensor([1, 8, 2], 6),
};
type Values = Record<keyof typeof inputs | 'flag', Value>;

const cases: Readonly<Record<string, (v: Values, b: GraphBuilder) => Value | readonly Value[]>> = {
  'another weight in each branch': ({ flag: c, x, w, v }) =>
    either(c, [(_, of) => tanh(matmul(of(x), w)), (_, of) => mul(matmul(of(x), v), 0.5)]),
  'one weight in both, and two outputs': ({ flag: c, x, w, h }) =>
    either(c, [(_, of) => [tanh(matmul(of(x), w)), sigmoid(of(h))], (_, of) => [matmul(of(x), w), mul(of(h), h)]]),
  'a branch that reads nothing': ({ flag: c, x, w, h }) =>
    either(c, [(_, of) => matmul(of(x), w), (b) => b.constant(randomTensor([3, 2, 2], 9))]).map((y) => add(y, h)),
  'a branch that hands on what it finds': ({ flag: c, x, w }) =>
    either(c, [(_, of) => identity(of(x)), (_, of) => matmul(of(x), w)]).map((y) => mul(y, y)),
  'branches of other sizes': ({ flag: c, x, w }, b) =>
    reduceSum(matmul(either(c, [(_, of) => gather(of(x), b.ints([1])), (_, of) => tanh(of(x))])[0]!, w), [0]),
  'a branch in a branch': ({ flag: c, x, w, v }) =>
    either(c, [
      (_, of) => either(of(c), [(_, of) => tanh(matmul(of(x), w)), (_, of) => identity(of(x))]),
      (_, of) => either(of(c), [(_, of) => identity(of(x)), (_, of) => matmul(of(x), v)]),
    ]),
  'a branch in a loop': ({ flag: c, x, w, v, h }) =>
    loop([h], [x], ([s], [xt]) => {
      const next = either(xt!.builder.value(c.name), [
        (_, of) => tanh(add(matmul(of(s!), w), xt!)),
        (_, of) => sigmoid(add(matmul(of(s!), v), mul(of(s!), xt!))),
      ])[0]!;
      return [next, next];
    }),
  'a branch in a loop that a step decides': ({ x, w, v, h }) =>
    loop([h], [x], ([s], [xt]) => {
      const next = either(greater(reduceSum(xt!), 0.1), [
        (_, of) => tanh(matmul(of(s!), w)),
        (_, of) => matmul(of(s!), v),
      ])[0]!;
      return [add(next, xt!), next];
    }),
  'a loop in a branch': ({ flag: c, x, w, h }) =>
    either(c, [
      (_, of) =>
        loop([of(h)], [of(x)], ([s], [xt]) => {
          const next = tanh(add(matmul(s!, w), xt!));
          return [next, next];
        }),
      (_, of) => [identity(of(h)), mul(of(x), 2)],
    ]),
  'a recurrent operator in each branch': ({ flag: c, x, wx, wh }) =>
    either(c, [
      (b) => squeeze(b.node('LSTM', [x, wx, wh], { hidden_size: 2 })[0]!, [1]),
      (b) => squeeze(b.node('LSTM', [x, wh, wx], { hidden_size: 2, direction: 'reverse' })[0]!, [1]),
    ]),
};

describe('the gradient of a branch', () => {
  it.each(Object.entries(cases).flatMap(([name, make]) => [0, 1].map((taken) => [name, taken, make] as const)))(
    '%s, condition %s',
    async (_, taken, make) => {
      const feeds = { ...inputs, flag: flag(taken) };
      const graph = lowerRecurrent(graphOver(feeds, make));
      expect(await wrongGradients(graph, feeds)).toEqual([]);
      expect(await wrongGradients(graph, feeds, { rewrite: hoistLoops })).toEqual([]);
    },
  );
});
