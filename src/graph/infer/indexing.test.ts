import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { floats, int64s } from '../attributes.ts';
import { apply, gather } from '../ops.ts';
import type { Tensor } from '../types.ts';
import { indexingShapes } from './indexing.ts';

const x = randomTensor([2, 3, 4]);
const free = { x: ['time', 'batch', 4] };
const at = { x, at: int64s([2, 1], [0, 1]) };
const flags: Tensor = { elementType: 'bool', dims: [3], data: Uint8Array.of(1, 0, 1) };

const cases: ShapeCase[] = [
  shapeCase('Gather', 'matrix of indices', { x, at: int64s([5, 1], [0, 1, 0, 0, -1]) }, (v) => gather(v.x, v.at, 1), {
    free: { x: ['time', 'batch', 4], at: ['n', 1] },
  }),
  shapeCase('Gather', 'scalar index', { x, at: int64s([], [1]) }, (v) => gather(v.x, v.at, -1), { free }),
  shapeCase(
    'GatherElements',
    'axis 2',
    { x, at: int64s([2, 3, 1], [0, 1, 2, 3, 0, 1]) },
    (v) => apply('GatherElements', [v.x, v.at], { axis: 2 }),
    { free: { ...free, at: ['time', 'batch', 1] } },
  ),
  shapeCase(
    'ScatterElements',
    'axis 0',
    { x, at: int64s([1, 1, 1], [1]), updates: randomTensor([1, 1, 1]) },
    (v) => apply('ScatterElements', [v.x, v.at, v.updates]),
    { free },
  ),
  shapeCase(
    'ScatterND',
    'rows',
    { x, at: int64s([1, 1], [1]), updates: randomTensor([1, 3, 4]) },
    (v) => apply('ScatterND', [v.x, v.at, v.updates]),
    { free },
  ),
  shapeCase('GatherND', 'rows', at, (v) => apply('GatherND', [v.x, v.at]), { free: { ...free, at: ['n', 1] } }),
  shapeCase('GatherND', 'behind a batch axis', at, (v) => apply('GatherND', [v.x, v.at], { batch_dims: 1 }), {
    free: { x: ['time', 'batch', 4], at: ['time', 1] },
  }),
  shapeCase('OneHot', 'last axis', at, (v, b) => apply('OneHot', [v.at, b.ints([5]), b.float([0, 1])]), {
    free: { at: ['n', 1] },
  }),
  shapeCase('OneHot', 'axis 0', at, (v, b) => apply('OneHot', [v.at, b.ints([5]), b.float([0, 1])], { axis: 0 })),
  shapeCase('TopK', 'of the last axis', { x }, (v, b) => b.node('TopK', [v.x, b.ints([2])], {}, 2), { free }),
  shapeCase('TopK', 'k given at run time', { x, k: int64s([1], [1]) }, (v, b) => b.node('TopK', [v.x, v.k], {}, 2), {
    loose: true,
  }),
  shapeCase('NonZero', 'indices', { x }, (v) => apply('NonZero', [v.x]), { free, loose: true }),
  shapeCase('Compress', 'an axis', { x, flags }, (v) => apply('Compress', [v.x, v.flags], { axis: 1 }), {
    loose: true,
  }),
  shapeCase('Compress', 'all', { x, flags }, (v) => apply('Compress', [v.x, v.flags]), { loose: true }),
  shapeCase('Unique', 'with indices', { x }, (v, b) => b.node('Unique', [v.x], { axis: 1 }, 4), { loose: true }),
  shapeCase('EyeLike', 'of another type', { x: randomTensor([3, 2]) }, (v) => apply('EyeLike', [v.x], { dtype: 6 }), {
    free: { x: ['n', 2] },
  }),
  shapeCase('Range', 'floats', { x: floats([], [4]) }, (v) => apply('Range', [0, v.x, 1]), { loose: true }),
  shapeCase('Range', 'known bounds', { x }, (_, b) => {
    const number = (value: number) => b.constant(int64s([], [value]));
    return apply('Range', [number(7), number(-2), number(-2)]);
  }),
  shapeCase(
    'Range',
    'up to a free size',
    { x },
    (v, b) => {
      const number = (value: number) => b.constant(int64s([], [value]));
      return apply('Range', [number(0), gather(apply('Shape', [v.x]), number(1)), number(1)]);
    },
    { free },
  ),
  shapeCase('Tile', 'known', { x }, (v, b) => apply('Tile', [v.x, b.ints([1, 2, 3])]), { free }),
  shapeCase('Tile', 'given at run time', { x, n: int64s([3], [2, 1, 1]) }, (v) => apply('Tile', [v.x, v.n]), {
    loose: true,
  }),
];

describe('shapes of operators that pick, place and count', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule but the old name of ScatterElements', () => {
    expect(new Set([...cases.map((c) => c.op), 'Scatter'])).toEqual(new Set(Object.keys(indexingShapes)));
  });
});
