import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { distinct, randomTensor } from '../../test/support/graphs.ts';
import { apply } from '../graph/ops.ts';
import { convolutionGradients } from './convolution.ts';

const inputs = (length: readonly number[], kernel: readonly number[]) => ({
  x: randomTensor([2, 2, ...length]),
  w: randomTensor([3, 2, ...kernel], 2),
  b: randomTensor([3], 3),
});

const conv = (
  variant: string,
  length: number[],
  kernel: number[],
  attributes: Record<string, number[] | string> = {},
) => gradientCase('Conv', variant, inputs(length, kernel), ({ x, w, b }) => apply('Conv', [x, w, b], attributes));

const grouped = (variant: string, group: number, kernel: number[], attributes: Record<string, number[]> = {}) => {
  const length = kernel.map((_, i) => 5 + i);
  const tensors = {
    x: randomTensor([2, 2 * group, ...length]),
    w: randomTensor([3 * group, 2, ...kernel], 2),
    b: randomTensor([3 * group], 3),
  };
  return gradientCase('Conv', variant, tensors, ({ x, w, b }) => apply('Conv', [x, w, b], { ...attributes, group }));
};

/** From 2 channels in a group to 3 in a group. */
const back = (
  variant: string,
  length: number[],
  kernel: number[],
  { group = 1, ...attributes }: { group?: number; [name: string]: number | number[] | undefined } = {},
) => {
  const tensors = {
    x: randomTensor([2, 2 * group, ...length]),
    w: randomTensor([2 * group, 3, ...kernel], 2),
    b: randomTensor([3 * group], 3),
  };
  const all = { ...attributes, ...(group > 1 && { group }) };
  return gradientCase('ConvTranspose', variant, tensors, ({ x, w, b }) => apply('ConvTranspose', [x, w, b], all));
};

const pool = (variant: string, length: number[], attributes: Record<string, number[] | number>) =>
  gradientCase('MaxPool', variant, { x: distinct([1, 2, ...length]) }, ({ x }) => apply('MaxPool', [x], attributes));

const cases: GradientCase[] = [
  conv('1-D', [6], [3]),
  conv('1-D, kernel of 1', [4], [1]),
  conv('1-D, stride that leaves a rest', [8], [3], { strides: [2] }),
  conv('1-D, stride larger than the kernel', [9], [2], { strides: [3] }),
  conv('1-D, dilation', [7], [3], { dilations: [2] }),
  conv('1-D, unequal pads', [5], [3], { pads: [2, 1] }),
  conv('1-D, pads larger than the kernel', [3], [2], { pads: [3, 0] }),
  conv('1-D, all together', [9], [3], { strides: [2], dilations: [2], pads: [1, 3] }),
  conv('1-D, SAME_UPPER', [6], [3], { auto_pad: 'SAME_UPPER', strides: [2] }),
  conv('1-D, SAME_LOWER', [6], [4], { auto_pad: 'SAME_LOWER' }),
  conv('1-D, VALID', [6], [3], { auto_pad: 'VALID' }),
  conv('2-D', [4, 5], [2, 3]),
  conv('2-D, all together', [5, 6], [3, 2], { strides: [2, 3], dilations: [1, 2], pads: [1, 0, 2, 1] }),
  gradientCase('Conv', 'no bias', { x: randomTensor([1, 2, 4]), w: randomTensor([2, 2, 2], 2) }, ({ x, w }) =>
    apply('Conv', [x, w]),
  ),
  grouped('1-D, groups', 2, [3]),
  grouped('2-D, groups, all together', 3, [2, 3], { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 2, 1] }),
  gradientCase('Conv', 'depthwise', { x: randomTensor([1, 4, 3, 3]), w: randomTensor([4, 1, 2, 2], 2) }, ({ x, w }) =>
    apply('Conv', [x, w], { group: 4 }),
  ),
  back('1-D', [4], [3]),
  back('1-D, stride and output padding', [4], [3], { strides: [2], output_padding: [1], pads: [1, 1] }),
  back('1-D, stride, unequal pads', [4], [4], { strides: [3], pads: [2, 1] }),
  back('1-D, groups', [4], [2], { strides: [2], group: 2 }),
  back('2-D, all together', [3, 4], [2, 3], {
    ...{ strides: [2, 1], dilations: [2, 1], pads: [1, 0, 1, 2], output_padding: [1, 0], group: 2 },
  }),
  pool('1-D', [6], { kernel_shape: [2], strides: [2] }),
  pool('1-D, overlapping and padded', [7], { kernel_shape: [3], strides: [2], pads: [1, 1] }),
  pool('2-D', [4, 4], { kernel_shape: [2, 2], strides: [2, 1] }),
  gradientCase('Resize', 'blocks', { x: randomTensor([1, 2, 3, 2]) }, ({ x }, b) =>
    apply('Resize', [x, undefined, b.float([1, 1, 2, 3])], {
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    }),
  ),
  gradientCase('Resize', 'half pixel, sizes', { x: randomTensor([1, 2, 3]) }, ({ x }, b) =>
    apply('Resize', [x, undefined, undefined, b.ints([1, 2, 9])]),
  ),
  gradientCase('GlobalAveragePool', '2-D', { x: randomTensor([2, 3, 2, 4]) }, ({ x }) =>
    apply('GlobalAveragePool', [x]),
  ),
];

describe('gradients of convolutions', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(convolutionGradients)));
  });
});
