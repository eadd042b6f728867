import { describe, expect, it } from 'vitest';
import { positive, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { int64s } from '../attributes.ts';
import { apply } from '../ops.ts';
import { reduceShapes } from './reduce.ts';

const x = positive([2, 3, 4]);
const free = { x: ['time', 'batch', 4] };
const reductions = Object.keys(reduceShapes).filter((op) => op.startsWith('Reduce'));
const labelled = { x: randomTensor([2, 3]), labels: int64s([2], [0, 2]) };

const cases: ShapeCase[] = [
  ...reductions.flatMap((op) =>
    [0, 1].flatMap((keepdims) =>
      [undefined, [1], [-1], [0, -2]].map((axes) =>
        shapeCase(
          op,
          `axes ${axes ?? 'all'}, keepdims ${keepdims}`,
          { x },
          (v, b) =>
            op === 'ReduceSum'
              ? apply(op, [v.x, axes && b.ints(axes)], { keepdims })
              : apply(op, [v.x], { axes, keepdims }),
          { free },
        ),
      ),
    ),
  ),
  shapeCase('ReduceSum', 'noop', { x }, (v) => apply('ReduceSum', [v.x], { noop_with_empty_axes: 1 }), { free }),
  ...[0, 1].map((keepdims) =>
    shapeCase(
      'ReduceSum',
      `computed axes, keepdims ${keepdims}`,
      { x, axes: int64s([1], [1]) },
      (v) => apply('ReduceSum', [v.x, v.axes], { keepdims }),
      { loose: true },
    ),
  ),
  ...['ArgMax', 'ArgMin'].flatMap((op) => [
    shapeCase(op, 'default', { x }, (v) => apply(op, [v.x]), { free }),
    shapeCase(op, 'axis -1 dropped', { x }, (v) => apply(op, [v.x], { axis: -1, keepdims: 0 }), { free }),
  ]),
  ...['sum', 'mean', 'none'].map((reduction) =>
    shapeCase(
      'SoftmaxCrossEntropyLoss',
      reduction,
      labelled,
      (v, b) => b.node('SoftmaxCrossEntropyLoss', [v.x, v.labels], { reduction }, 2),
      { free: { x: ['rows', 3], labels: ['rows'] } },
    ),
  ),
];

describe('shapes of reductions', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(reduceShapes)));
  });
});
