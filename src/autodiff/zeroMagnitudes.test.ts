import { expect, it } from 'vitest';
import { graphOver, numbersOf, runGraph } from '../../test/support/graphs.ts';
import { floats } from '../graph/attributes.ts';
import { add, apply, div, mul, pow, reduceMean, reduceSum, sqrt, sub } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { differentiate } from './differentiate.ts';

/*
 * A magnitude is 0 where a recording is silent, a deviation where a signal is constant. The slope of a root is infinite there,
 * and times what stands below it, 0, it would be NaN, which a training does not survive.
 */

const x = floats([2, 3], [0, 0, 0, 3, 0, -4]);

it.each<readonly [string, Parameters<typeof graphOver<'x'>>[1], readonly number[]]>([
  ['the root of a sum of squares', ({ x }) => reduceSum(sqrt(reduceSum(mul(x, x), [1]))), [0, 0, 0, 0.6, 0, -0.8]],
  ['a power of a half', ({ x }) => reduceSum(pow(reduceSum(mul(x, x), [1]), 0.5)), [0, 0, 0, 0.6, 0, -0.8]],
  [
    'a power that is computed',
    ({ x }) => reduceSum(pow(reduceSum(mul(x, x), [1]), add(mul(reduceSum(x), 0), 0.5))),
    [0, 0, 0, 0.6, 0, -0.8],
  ],
  ['ReduceL2', ({ x }) => reduceSum(apply('ReduceL2', [x], { axes: [1] })), [0, 0, 0, 0.6, 0, -0.8]],
  [
    'a deviation beside another one',
    ({ x }) => {
      const centred = sub(x, reduceMean(x, [1], true));
      return reduceSum(div(sqrt(reduceMean(mul(centred, centred), [1])), 1));
    },
    [0, 0, 0, 0.38751, 0.03875, -0.42626],
  ],
  ['a square, which has a slope at 0', ({ x }) => reduceSum(pow(x, 1)), [1, 1, 1, 1, 1, 1]],
])('the gradient of %s is finite', async (_name, build, expected) => {
  const graph = graphOver({ x }, build);
  const { graph: whole, gradients } = differentiate(graph, graph.outputs[0]!.name, ['x']);
  const found = numbersOf((await runGraph(whole, { x }))[gradients.get('x')!] as Tensor);
  for (const [i, value] of expected.entries()) expect(found[i], `place ${i}`).toBeCloseTo(value, 4);
});

it('the gradient of a power after its exponent is finite at 0', async () => {
  const graph = graphOver({ x: floats([2], [0, 2]), b: floats([2], [2, 2]) }, ({ x, b }) => reduceSum(pow(x, b)));
  const { graph: whole, gradients } = differentiate(graph, graph.outputs[0]!.name, ['b']);
  const made = await runGraph(whole, { x: floats([2], [0, 2]), b: floats([2], [2, 2]) });
  const [first, second] = numbersOf(made[gradients.get('b')!]!);
  expect(first).toBe(0);
  expect(second).toBeCloseTo(4 * Math.log(2), 4);
});
