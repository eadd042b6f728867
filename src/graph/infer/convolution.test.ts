import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { floats } from '../attributes.ts';
import { apply } from '../ops.ts';
import { convolutionShapes } from './convolution.ts';

// N = 2, C = 4
const line = { x: randomTensor([2, 4, 9]), w: randomTensor([6, 4, 3]) };
const image = { x: randomTensor([2, 4, 7, 8]), w: randomTensor([6, 2, 3, 2]) };
const back = { x: randomTensor([2, 4, 5]), w: randomTensor([4, 3, 3]) };
const free = { x: ['batch', 4, 'time'] };
const freeImage = { x: ['batch', 4, 'h', 'w'] };

type Attributes = Parameters<typeof apply>[2];
const conv = (variant: string, attributes: Attributes, loose = false) =>
  shapeCase('Conv', `1-D, ${variant}`, line, (v) => apply('Conv', [v.x, v.w], attributes), { free, loose });
const pooled = (op: string, variant: string, attributes: Attributes) =>
  shapeCase(op, variant, image, (v) => apply(op, [v.x], attributes), { free: freeImage, loose: true });

const cases: ShapeCase[] = [
  conv('no padding', {}),
  conv('padding', { pads: [1, 1] }),
  conv('more padding', { pads: [4, 0] }),
  conv('dilation', { dilations: [2] }),
  conv('stride', { strides: [2] }, true),
  conv('same', { auto_pad: 'SAME_UPPER' }),
  conv('valid', { auto_pad: 'VALID', kernel_shape: [3] }),
  shapeCase(
    'Conv',
    '2-D in groups',
    image,
    (v) => apply('Conv', [v.x, v.w], { group: 2, strides: [2, 3], pads: [1, 0, 1, 0], auto_pad: 'NOTSET' }),
    { free: freeImage, loose: true },
  ),
  shapeCase('Conv', 'same with a stride', image, (v) =>
    apply('Conv', [v.x, v.w], { group: 2, strides: [2, 3], auto_pad: 'SAME_LOWER' }),
  ),
  shapeCase(
    'ConvTranspose',
    'stride',
    back,
    (v) => apply('ConvTranspose', [v.x, v.w], { strides: [2], pads: [1, 1] }),
    { free },
  ),
  shapeCase(
    'ConvTranspose',
    'more at the end',
    back,
    (v) => apply('ConvTranspose', [v.x, v.w], { strides: [3], output_padding: [1], dilations: [2] }),
    { free },
  ),
  shapeCase('ConvTranspose', 'given shape', back, (v) =>
    apply('ConvTranspose', [v.x, v.w], { strides: [2], output_shape: [10] }),
  ),
  shapeCase(
    'ConvTranspose',
    'same',
    back,
    (v) => apply('ConvTranspose', [v.x, v.w], { strides: [2], auto_pad: 'SAME_UPPER' }),
    { free },
  ),
  ...['MaxPool', 'AveragePool', 'LpPool'].flatMap((op) => [
    pooled(op, 'stride', { kernel_shape: [2, 3], strides: [2, 2] }),
    pooled(op, 'padding', { kernel_shape: [2, 3], pads: [1, 1, 0, 1] }),
    pooled(op, 'same', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  ]),
  ...['MaxPool', 'AveragePool'].map((op) =>
    pooled(op, 'rounded up', { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }),
  ),
  shapeCase('MaxPool', 'with indices', image, (v, b) => b.node('MaxPool', [v.x], { kernel_shape: [2, 2] }, 2)),
  ...['GlobalMaxPool', 'GlobalAveragePool', 'GlobalLpPool'].map((op) =>
    shapeCase(op, 'image', image, (v) => apply(op, [v.x]), { free: freeImage }),
  ),
  shapeCase('DepthToSpace', 'blocks of 2', image, (v) => apply('DepthToSpace', [v.x], { blocksize: 2 }), {
    free: freeImage,
  }),
  shapeCase('SpaceToDepth', 'blocks of 2', { x: randomTensor([1, 3, 4, 6]) }, (v) =>
    apply('SpaceToDepth', [v.x], { blocksize: 2 }),
  ),
  shapeCase('Resize', 'sizes', image, (v, b) => apply('Resize', [v.x, undefined, undefined, b.ints([2, 4, 14, 4])]), {
    free: freeImage,
    loose: true,
  }),
  shapeCase('Resize', 'scales', image, (v, b) => apply('Resize', [v.x, undefined, b.float([1, 1, 2, 0.5])]), {
    free: freeImage,
    loose: true,
  }),
  shapeCase(
    'Resize',
    'given at run time',
    { ...image, s: floats([4], [1, 1, 2, 2]) },
    (v) => apply('Resize', [v.x, undefined, v.s]),
    { loose: true },
  ),
  shapeCase('Upsample', 'scales', image, (v, b) => apply('Upsample', [v.x, b.float([1, 1, 2, 3])]), { opset: 9 }),
];

describe('shapes of convolutions', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(convolutionShapes)));
  });

  it.each<[string, Attributes, RegExp]>([
    ['a window that is too long', { dilations: [9] }, /Conv 'Conv_0' .*window of 19 is longer than axis 2 of size 9/],
    ['channels', { group: 2 }, /the weight reads 8 channels, x has 4/],
    ['strides', { strides: [0] }, /strides \[0\] must be 1 numbers of at least 1/],
    ['kernels', { kernel_shape: [3, 3] }, /kernel \[3,3\] does not fit 1 axes/],
  ])('stop at wrong %s', (_, attributes, message) => {
    expect(() => graphOver(line, (v) => apply('Conv', [v.x, v.w], attributes))).toThrow(message);
  });
});
