import { describe, expect, it } from 'vitest';
import { graphOver, positive, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { apply } from '../ops.ts';
import { normalizationShapes } from './normalization.ts';

// N = 2, C = 4, T = 3
const x = randomTensor([2, 4, 3]);
const free = { x: ['batch', 4, 'time'] };
const four = randomTensor([4]);
const statistics = { x, scale: four, bias: four, mean: four, variance: positive([4]) };
const image = { x: randomTensor([1, 4, 2, 2]) };

const cases: ShapeCase[] = [
  shapeCase(
    'BatchNormalization',
    'inference',
    statistics,
    (v) => apply('BatchNormalization', [v.x, v.scale, v.bias, v.mean, v.variance]),
    { free },
  ),
  shapeCase(
    'BatchNormalization',
    'training',
    statistics,
    (v, b) => b.node('BatchNormalization', [v.x, v.scale, v.bias, v.mean, v.variance], { training_mode: 1 }, 3),
    { free },
  ),
  shapeCase(
    'InstanceNormalization',
    'per channel',
    statistics,
    (v) => apply('InstanceNormalization', [v.x, v.scale, v.bias]),
    { free },
  ),
  shapeCase(
    'LayerNormalization',
    'last axis',
    { x, scale: randomTensor([3]) },
    (v) => apply('LayerNormalization', [v.x, v.scale]),
    { free: { x: ['batch', 4, 3] } },
  ),
  shapeCase(
    'LayerNormalization',
    'with statistics',
    { x, scale: randomTensor([4, 3]) },
    (v, b) => b.node('LayerNormalization', [v.x, v.scale], { axis: 1 }, 3),
    { free: { x: ['batch', 4, 3] } },
  ),
  shapeCase('LpNormalization', 'an axis', { x }, (v) => apply('LpNormalization', [v.x], { axis: 1 }), { free }),
  shapeCase(
    'MeanVarianceNormalization',
    'axes',
    { x },
    (v) => apply('MeanVarianceNormalization', [v.x], { axes: [0, 2] }),
    { free },
  ),
  shapeCase('LRN', 'channels', image, (v) => apply('LRN', [v.x], { size: 3 }), { free: { x: ['batch', 4, 'h', 'w'] } }),
  shapeCase(
    'GroupNormalization',
    'operator set 21',
    { ...image, scale: four },
    (v) => apply('GroupNormalization', [v.x, v.scale, v.scale], { num_groups: 2 }),
    { opset: 21 },
  ),
  shapeCase(
    'RMSNormalization',
    'operator set 23',
    { x, scale: randomTensor([3]) },
    (v) => apply('RMSNormalization', [v.x, v.scale]),
    { opset: 23 },
  ),
];

describe('shapes of normalizations', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(normalizationShapes)));
  });

  it('stop where the scale does not fit the channels', () => {
    const build = () =>
      graphOver({ x, scale: randomTensor([3]) }, (v) => apply('InstanceNormalization', [v.x, v.scale, v.scale]));
    expect(build).toThrow("InstanceNormalization 'InstanceNormalization_0' ([2, 4, 3], [3], [3]): scale must be [4]");
  });
});
