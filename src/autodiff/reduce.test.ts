import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { distinct } from '../../test/support/graphs.ts';
import { add, apply, mul, reduceMax, reduceMean, reduceSum, sub } from '../graph/ops.ts';
import { reduceGradients } from './reduce.ts';

const cube = { x: distinct([2, 3, 4]) };

const cases: GradientCase[] = [
  ...Object.keys(reduceGradients).flatMap((op) =>
    [0, 1].flatMap((keepdims) =>
      [undefined, [1], [-1], [0, 2], [0, 1, 2]].map((axes) =>
        gradientCase(op, `axes ${axes ?? 'all'}, keepdims ${keepdims}`, cube, ({ x }, b) =>
          // Operator set 17: an input for ReduceSum, an attribute for the others.
          op === 'ReduceSum' ? apply(op, [x, axes && b.ints(axes)], { keepdims }) : apply(op, [x], { axes, keepdims }),
        ),
      ),
    ),
  ),
  gradientCase('ReduceSum', 'no axes, noop', cube, ({ x }) => apply('ReduceSum', [x], { noop_with_empty_axes: 1 })),
  gradientCase('ReduceMean', 'nested: variance', cube, ({ x }) => {
    const centred = sub(x, reduceMean(x, [2], true));
    return reduceMean(mul(centred, centred), [2]);
  }),
  gradientCase('ReduceMax', 'nested: log-sum-exp shift', cube, ({ x }) => {
    const largest = reduceMax(x, [1], true);
    return add(reduceSum(mul(sub(x, largest), x), [1], true), largest);
  }),
];

describe('gradients of reductions', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(reduceGradients)));
  });
});
