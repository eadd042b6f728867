import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase, wrongGradients } from '../../test/support/gradientCheck.ts';
import { graphOver, positive, randomTensor } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { apply, reduceSum } from '../graph/ops.ts';
import { differentiate } from './differentiate.ts';
import { normalizationGradients } from './normalization.ts';

const x = randomTensor([2, 3, 4]);
const channels = { x, scale: randomTensor([3], 2), bias: randomTensor([3], 3) };

/** The operator with its statistics as further inputs. */
const batchNorm = (inputs: Record<'x' | 'scale' | 'bias', typeof x>, attributes = {}) =>
  graphOver({ ...inputs, mean: randomTensor([3], 4), variance: positive([3]) }, (v) =>
    apply('BatchNormalization', [v.x, v.scale, v.bias, v.mean, v.variance], attributes),
  );

const cases: GradientCase[] = [
  ...[-1, 1, 0].map((axis) => {
    const dims = x.dims.slice(axis);
    const inputs = { x, scale: randomTensor(dims, 2), bias: randomTensor(dims, 3) };
    return gradientCase('LayerNormalization', `axis ${axis}`, inputs, (v) =>
      apply('LayerNormalization', [v.x, v.scale, v.bias], { axis }),
    );
  }),
  gradientCase('LayerNormalization', 'no bias, large epsilon', { x, scale: randomTensor([4], 2) }, (v) =>
    apply('LayerNormalization', [v.x, v.scale], { epsilon: float(0.5) }),
  ),
  gradientCase('InstanceNormalization', 'default', channels, (v) =>
    apply('InstanceNormalization', [v.x, v.scale, v.bias]),
  ),
  ...[
    [2, 3],
    [2, 3, 4],
    [2, 3, 2, 2],
  ].map((dims): GradientCase => {
    const inputs = { ...channels, x: randomTensor(dims) };
    const feeds = { ...inputs, mean: randomTensor([3], 4), variance: positive([3]) };
    return {
      op: 'BatchNormalization',
      variant: `[${dims}]`,
      wrong: () => wrongGradients(batchNorm(inputs, { epsilon: float(0.01) }), feeds),
    };
  }),
];

describe('gradients of normalisations', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(normalizationGradients)));
  });

  it('refuses the form that takes statistics of the batch', () => {
    const graph = graphOver({ ...channels, mean: randomTensor([3], 4), variance: positive([3]) }, (v) =>
      reduceSum(apply('BatchNormalization', [v.x, v.scale, v.bias, v.mean, v.variance], { training_mode: 1 })),
    );
    expect(() => differentiate(graph, graph.outputs[0]!.name, ['x'])).toThrow(/BatchNormalization.*form for inference/);
  });
});
