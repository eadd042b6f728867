import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { add, apply, crossEntropy, gather, gatherElements, mul, scatterAdd, tanh } from '../graph/ops.ts';
import { indexingGradients } from './indexing.ts';

const table = randomTensor([4, 3]);
const cube = randomTensor([2, 3, 4]);

const gathered = (variant: string, x: typeof table, dims: readonly number[], at: readonly number[], axis: number) =>
  gradientCase('Gather', `${variant}, axis ${axis}`, { x, at: int64s(dims, at) }, (v) => gather(v.x, v.at, axis));

const cases: GradientCase[] = [
  gathered('repeated indices', table, [5], [1, 1, 3, 0, 1], 0),
  gathered('negative indices', table, [3], [-1, 2, -4], 0),
  gathered('matrix of indices', table, [2, 2], [0, 2, 2, 3], 0),
  gathered('repeated and negative indices', table, [4], [-1, 2, 2, 0], 1),
  gathered('matrix of indices', cube, [2, 2], [0, 2, 2, 1], 1),
  gathered('matrix of indices', cube, [1, 3], [3, -4, 3], -1),
  gathered('scalar index', table, [], [2], 0),
  gathered('scalar index', cube, [], [-1], 1),
  gradientCase(
    'Gather',
    'int32 indices',
    { x: table, at: { elementType: 'int32', dims: [2], data: Int32Array.of(3, 3) } },
    (v) => gather(v.x, v.at),
  ),
  gradientCase('Gather', 'a table read twice', { x: table, a: int64s([2], [0, 1]), b: int64s([2], [1, 3]) }, (v) =>
    mul(gather(v.x, v.a), tanh(gather(v.x, v.b))),
  ),
  gradientCase('GatherElements', 'repeated, axis 1', { x: table, at: int64s([4, 2], [0, 0, 2, 1, 1, 1, 2, 0]) }, (v) =>
    gatherElements(v.x, v.at, 1),
  ),
  gradientCase('GatherElements', 'negative, axis 0', { x: table, at: int64s([2, 3], [-1, 0, -4, 3, 0, 1]) }, (v) =>
    gatherElements(v.x, v.at, 0),
  ),
  gradientCase(
    'ScatterElements',
    'add, repeated',
    { x: table, at: int64s([2, 3], [1, 0, 3, 1, -4, 2]), updates: randomTensor([2, 3], 2) },
    (v) => scatterAdd(v.x, v.at, v.updates, 0),
  ),
  gradientCase(
    'ScatterElements',
    'add, axis -1',
    { x: table, at: int64s([4, 2], [1, 1, 0, 2, -1, 2, 0, 1]), updates: randomTensor([4, 2], 2) },
    (v) => scatterAdd(v.x, v.at, v.updates, -1),
  ),
  gradientCase('GatherND', 'entries', { x: table, at: int64s([3, 2], [0, 1, 3, -1, 0, 1]) }, (v) =>
    apply('GatherND', [v.x, v.at]),
  ),
  gradientCase('GatherND', 'rows', { x: cube, at: int64s([2, 2, 2], [0, 1, 1, 0, 0, 1, 1, 2]) }, (v) =>
    apply('GatherND', [v.x, v.at]),
  ),
  gradientCase('ScatterND', 'rows', { x: table, at: int64s([2, 1], [2, 0]), updates: randomTensor([2, 3], 2) }, (v) =>
    apply('ScatterND', [v.x, v.at, v.updates]),
  ),
  gradientCase(
    'ScatterND',
    'entries that are added',
    { x: cube, at: int64s([2, 3], [1, 2, 0, 1, 2, 0]), updates: randomTensor([2], 2) },
    (v) => apply('ScatterND', [v.x, v.at, v.updates], { reduction: 'add' }),
  ),
  gradientCase('ScatterND', 'a cache that takes the newest rows', { x: cube, y: randomTensor([3, 4], 2) }, (v, b) =>
    apply('ScatterND', [v.x, b.constant(int64s([1, 1], [1])), apply('Unsqueeze', [tanh(v.y), b.ints([0])])]),
  ),
  gradientCase('SoftmaxCrossEntropyLoss', 'sum', { x: table, labels: int64s([4], [2, 0, 1, 1]) }, (v) =>
    crossEntropy(v.x, v.labels),
  ),
  gradientCase('SoftmaxCrossEntropyLoss', 'scaled and added up', { x: table, labels: int64s([4], [2, 0, 1, 1]) }, (v) =>
    add(mul(crossEntropy(tanh(v.x), v.labels), 0.25), apply('ReduceSum', [v.x], { keepdims: 0 })),
  ),
];

describe('gradients of operators that pick by index', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(indexingGradients)));
  });
});
