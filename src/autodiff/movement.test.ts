import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import {
  add,
  apply,
  concat,
  expand,
  flatten,
  mul,
  reshape,
  slice,
  split,
  squeeze,
  tanh,
  transpose,
  unsqueeze,
} from '../graph/ops.ts';
import { movementGradients } from './movement.ts';

const cube = { x: randomTensor([2, 3, 4]) };
const ones = { x: randomTensor([1, 3, 1, 2]) };
const sequences = randomTensor([4, 3, 2]);
const END = Number.POSITIVE_INFINITY;
const START = Number.NEGATIVE_INFINITY;

const sliced = (variant: string, starts: number[], ends: number[], axes: number[], steps?: number[]) =>
  gradientCase('Slice', variant, cube, ({ x }) => slice(x, starts, ends, axes, steps));

const padded = (pads: number[]) =>
  gradientCase('Pad', `pads [${pads}]`, { x: randomTensor([2, 3]) }, ({ x }, b) => apply('Pad', [x, b.ints(pads)]));

const cases: GradientCase[] = [
  gradientCase('Reshape', 'static', cube, ({ x }) => reshape(x, [4, 6])),
  gradientCase('Reshape', '-1 and 0', cube, ({ x }) => reshape(x, [0, -1])),
  gradientCase('Reshape', 'to a scalar', { x: randomTensor([1, 1]) }, ({ x }) => reshape(x, [])),
  gradientCase('Squeeze', 'all axes', ones, ({ x }) => apply('Squeeze', [x])),
  gradientCase('Squeeze', 'negative axis', ones, ({ x }) => squeeze(x, [-2])),
  gradientCase('Unsqueeze', 'unordered axes', cube, ({ x }) => unsqueeze(x, [3, 0])),
  gradientCase('Unsqueeze', 'negative axis', cube, ({ x }) => unsqueeze(x, [-1])),
  ...[0, 1, 3, -1].map((axis) => gradientCase('Flatten', `axis ${axis}`, cube, ({ x }) => flatten(x, axis))),
  gradientCase('Transpose', 'perm', cube, ({ x }) => transpose(x, [2, 0, 1])),
  gradientCase('Transpose', 'default', cube, ({ x }) => apply('Transpose', [x])),
  gradientCase(
    'Concat',
    'three operands, negative axis',
    { a: randomTensor([2, 1], 1), b: randomTensor([2, 3], 2), c: randomTensor([2, 2], 3) },
    ({ a, b, c }) => concat([a, b, c], -1),
  ),
  gradientCase('Concat', 'one operand twice', { a: randomTensor([2, 2]) }, ({ a }) => concat([a, tanh(a), a], 0)),
  gradientCase('Split', 'equal', { x: randomTensor([4, 2]) }, ({ x }) => split(x, 2, 0)),
  gradientCase('Split', 'unequal, negative axis', { x: randomTensor([2, 6]) }, ({ x }) => split(x, [1, 3, 2], -1)),
  gradientCase('Split', 'a part that nobody reads', { x: randomTensor([6]) }, ({ x }) => {
    const [first, , last] = split(x, [1, 3, 2], 0);
    return mul(first!, last!);
  }),
  sliced('one axis', [1], [3], [2]),
  sliced('two axes', [1, 0], [3, 1], [1, 0]),
  sliced('negative indices and axes', [-3, -2], [-1, END], [-1, -2]),
  sliced('beyond the end', [1], [100], [1]),
  sliced('beyond the start', [-100], [2], [1]),
  sliced('everything', [0], [END], [1]),
  sliced('nothing', [2], [1], [1]),
  sliced('step 2', [0], [END], [2], [2]),
  sliced('step 3 from 1', [1], [END], [2], [3]),
  sliced('step -1', [-1], [START], [2], [-1]),
  sliced('step -2 between indices', [2], [0], [1], [-2]),
  sliced('step -2 beyond both ends', [100], [-100], [2], [-2]),
  sliced('steps on two axes', [2, 0], [START, END], [1, 2], [-1, 2]),
  gradientCase('Slice', 'no axes', cube, ({ x }, b) => apply('Slice', [x, b.ints([1, 1]), b.ints([2, 3])])),
  padded([0, 1, 0, 2]),
  padded([1, 0, 0, 0]),
  padded([2, 2, 2, 2]),
  padded([0, -1, 1, 0]),
  gradientCase('Pad', 'with a value', { x: randomTensor([3]) }, ({ x }, b) =>
    apply('Pad', [x, b.ints([1, 1]), b.float(5)], { mode: 'constant' }),
  ),
  ...['reflect', 'edge'].flatMap((mode) =>
    [
      [0, 2, 0, 3],
      [1, 0, 0, 1],
      [1, 2, 1, 0],
    ].map((pads) =>
      gradientCase('Pad', `${mode}, pads [${pads}]`, { x: randomTensor([2, 5]) }, ({ x }, b) =>
        apply('Pad', [x, b.ints(pads)], { mode }),
      ),
    ),
  ),
  gradientCase('Tile', 'two axes', cube, ({ x }, b) => apply('Tile', [x, b.ints([2, 1, 3])])),
  gradientCase('Expand', 'size 1 repeated', { x: randomTensor([2, 1]) }, ({ x }) => expand(x, [2, 3])),
  gradientCase('Expand', 'new axes', { x: randomTensor([3]) }, ({ x }) => expand(x, [2, 2, 3])),
  gradientCase('Expand', 'target smaller than the value', { x: randomTensor([2, 3]) }, ({ x }) => expand(x, [1])),
  gradientCase('Expand', 'scalar', { x: randomTensor([]) }, ({ x }) => expand(x, [2, 3])),
  gradientCase('ReverseSequence', 'time-major', { x: sequences }, (v, b) =>
    apply('ReverseSequence', [v.x, b.ints([4, 1, 2])], { time_axis: 0, batch_axis: 1 }),
  ),
  gradientCase('ReverseSequence', 'batch-major', { x: sequences }, (v, b) =>
    apply('ReverseSequence', [v.x, b.ints([3, 1, 2, 2])], { time_axis: 1, batch_axis: 0 }),
  ),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map((reverse) =>
      gradientCase('CumSum', `exclusive ${exclusive}, reverse ${reverse}`, { x: sequences }, (v, b) =>
        apply('CumSum', [v.x, b.ints([1])], { exclusive, reverse }),
      ),
    ),
  ),
  gradientCase('Transpose', 'nested', cube, ({ x }) =>
    add(reshape(transpose(x, [1, 0, 2]), [6, 4]), reshape(mul(x, x), [6, 4])),
  ),
];

describe('gradients of operators that move data', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(movementGradients)));
  });
});
