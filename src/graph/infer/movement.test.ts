import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { int64s } from '../attributes.ts';
import {
  apply,
  concat,
  expand,
  flatten,
  gather,
  reshape,
  shapeOf,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from '../ops.ts';
import { movementShapes, sliceLength } from './movement.ts';

const x = randomTensor([2, 3, 4]);
const free = { x: ['time', 'batch', 4] };
const END = Number.POSITIVE_INFINITY;
const START = Number.NEGATIVE_INFINITY;

const reshaped = (shape: readonly number[]) =>
  shapeCase('Reshape', `[${shape}]`, { x }, (v) => reshape(v.x, shape), { free });

const sliced = (starts: number[], ends: number[], axes: number[], steps: number[], loose = false) =>
  shapeCase(
    'Slice',
    `[${starts}] to [${ends}] on axes [${axes}] by [${steps}]`,
    { x },
    (v) => slice(v.x, starts, ends, axes, steps),
    { free, loose },
  );

const cases: ShapeCase[] = [
  reshaped([-1]),
  reshaped([6, 4]),
  reshaped([-1, 4]),
  reshaped([0, -1]),
  reshaped([0, 0, 2, 2]),
  reshaped([0, 0, -1, 1]),
  shapeCase(
    'Reshape',
    'shape computed from shapes',
    { x },
    (v, b) => {
      const shape = shapeOf(v.x);
      const rows = apply('Mul', [gather(shape, b.ints([0])), slice(shape, [1], [2], [0])]);
      return reshape(v.x, concat([rows, b.ints([4])], 0));
    },
    { free },
  ),
  shapeCase('Reshape', 'batch split off', { x: randomTensor([6, 4]) }, (v) => reshape(v.x, [-1, 2, 4]), {
    free: { x: ['rows', 4] },
    loose: true,
  }),
  shapeCase('Reshape', 'shape given at run time', { x, shape: int64s([2], [4, 6]) }, (v) => reshape(v.x, v.shape), {
    loose: true,
  }),
  shapeCase('Reshape', 'an empty value', { x: randomTensor([0, 3]) }, (v) =>
    apply('Reshape', [v.x, v.x.builder.ints([3, 0])], { allowzero: 1 }),
  ),
  shapeCase('Transpose', 'perm', { x }, (v) => transpose(v.x, [2, 0, 1]), { free }),
  shapeCase('Transpose', 'default', { x }, (v) => apply('Transpose', [v.x]), { free }),
  shapeCase('Squeeze', 'all', { x: randomTensor([1, 3, 1]) }, (v) => apply('Squeeze', [v.x]), {
    free: { x: [1, 'batch', 1] },
  }),
  shapeCase('Squeeze', 'axes', { x: randomTensor([1, 3, 1]) }, (v) => squeeze(v.x, [-1]), {
    free: { x: [1, 'batch', 1] },
  }),
  shapeCase('Unsqueeze', 'axes', { x }, (v) => unsqueeze(v.x, [3, 0]), { free }),
  shapeCase('Unsqueeze', 'negative axes', { x }, (v) => unsqueeze(v.x, [-1, -3]), { free }),
  ...[0, 1, 2, 3, -1, -2].map((axis) =>
    shapeCase('Flatten', `axis ${axis}`, { x }, (v) => flatten(v.x, axis), { free }),
  ),
  shapeCase('Concat', 'known axis', { x, y: randomTensor([2, 3, 1]) }, (v) => concat([v.x, v.y, v.x], -1), {
    free: { x: ['time', 'batch', 4], y: ['time', 'batch', 1] },
  }),
  shapeCase('Concat', 'free axis', { x, y: randomTensor([5, 3, 4]) }, (v) => concat([v.x, v.y], 0), {
    free: { x: ['time', 'batch', 4], y: ['more', 'batch', 4] },
  }),
  shapeCase('Split', 'equal', { x }, (v) => split(v.x, 2, -1), { free }),
  shapeCase('Split', 'a free axis', { x }, (v) => split(v.x, 2, 0), { free, loose: true }),
  shapeCase('Split', 'unequal', { x }, (v) => split(v.x, [1, 3], 2), { free }),
  shapeCase(
    'Split',
    'sizes given at run time',
    { x, sizes: int64s([2], [1, 3]) },
    (v, b) => b.node('Split', [v.x, v.sizes], { axis: 2 }, 2),
    { loose: true },
  ),
  shapeCase(
    'Split',
    'a remainder, operator set 18',
    { x: randomTensor([2, 5]) },
    (v, b) => b.node('Split', [v.x], { axis: 1, num_outputs: 3 }, 3),
    { opset: 18 },
  ),
  sliced([1], [3], [2], [1]),
  sliced([0], [END], [0], [1]),
  sliced([-3], [-1], [2], [1]),
  sliced([-100], [100], [2], [1]),
  sliced([3], [1], [2], [1]),
  sliced([0, -1], [END, START], [0, 2], [1, -1]),
  sliced([100], [-100], [2], [-2]),
  sliced([-1], [0], [2], [-1]),
  sliced([0], [END], [2], [3]),
  sliced([-100], [START], [2], [-1]),
  sliced([2], [-100], [2], [2]),
  sliced([1], [END], [0], [1], true),
  sliced([-1], [START], [1], [-1], true),
  shapeCase('Slice', 'without axes', { x }, (v, b) => apply('Slice', [v.x, b.ints([0, 1]), b.ints([END, 3])]), {
    free: { x: ['time', 3, 4] },
  }),
  shapeCase(
    'Slice',
    'bounds given at run time',
    { x, end: int64s([1], [1]) },
    (v, b) => apply('Slice', [v.x, b.ints([0]), v.end]),
    { loose: true },
  ),
  shapeCase('Expand', 'size 1 repeated', { x: randomTensor([2, 1]) }, (v) => expand(v.x, [4, 1, 3]), {
    free: { x: ['batch', 1] },
  }),
  shapeCase('Expand', 'to the shape of another', { x, y: randomTensor([4]) }, (v) => expand(v.y, shapeOf(v.x)), {
    free,
  }),
  shapeCase('Pad', 'known axis', { x }, (v, b) => apply('Pad', [v.x, b.ints([0, 0, 1, 0, 0, 2])]), { free }),
  shapeCase('Pad', 'free axis', { x }, (v, b) => apply('Pad', [v.x, b.ints([1, 0, 0, 0, 2, 0])]), { free }),
  shapeCase(
    'Pad',
    'listed axes, operator set 18',
    { x },
    (v, b) => apply('Pad', [v.x, b.ints([1, 2]), b.float(0), b.ints([-1])]),
    { free, opset: 18 },
  ),
  shapeCase(
    'Slice',
    'axes given at run time',
    { x, axes: int64s([1], [2]) },
    (v, b) => apply('Slice', [v.x, b.ints([1]), b.ints([2]), v.axes]),
    { loose: true },
  ),
  shapeCase(
    'Reshape',
    'some sizes given at run time',
    { x, rows: int64s([1], [6]) },
    (v, b) => reshape(v.x, concat([v.rows, b.ints([4])], 0)),
    { loose: true },
  ),
  shapeCase('Pad', 'cut', { x }, (v, b) => apply('Pad', [v.x, b.ints([0, 0, -1, 0, -1, 0])]), { free }),
  shapeCase(
    'Pad',
    'sizes given at run time',
    { x, pads: int64s([6], [1, 0, 0, 0, 0, 0]) },
    (v) => apply('Pad', [v.x, v.pads]),
    { loose: true },
  ),
];

describe('shapes of operators that move data', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(movementShapes)));
  });
});

describe('sliceLength', () => {
  it('counts what walking counts', () => {
    for (const step of [-3, -2, -1, 1, 2, 3]) {
      for (let size = 0; size < 5; size++) {
        for (let start = -7; start < 7; start++) {
          for (let end = -7; end < 7; end++) {
            const counted = sliceLength(size, start, end, step);
            expect({ size, start, end, step, counted }).toEqual({
              size,
              start,
              end,
              step,
              counted: walked(size, start, end, step),
            });
          }
        }
      }
    }
  });
});

/** The steps from start to end, by walking. */
function walked(size: number, start: number, end: number, step: number): number {
  if (size === 0) return 0;
  const place = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
  const [from, to] =
    step > 0 ? [place(start, 0, size), place(end, 0, size)] : [place(start, 0, size - 1), place(end, -1, size - 1)];
  let count = 0;
  for (let i = from; step > 0 ? i < to : i > to; i += step) count++;
  return count;
}
