import { describe, expect, it } from 'vitest';
import { numbersOf, positive, randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { floatToHalf } from '../graph/half.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, gather, matmul, mul, transpose } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { liftConstants, trainedNames, weightsOfModel, withWeights } from './trainedWeights.ts';

const half = (dims: readonly number[], seed: number): Tensor => ({
  elementType: 'float16',
  dims,
  data: Uint16Array.from(numbersOf(randomTensor(dims, seed)), floatToHalf),
});

/** x [2, 3, 4] through a table, constants, statistics and weights of all kinds. */
function mixedModel() {
  const b = new GraphBuilder('mixed');
  const x = b.input('x', 'float32', [2, 3, 4]);
  const ids = b.input('ids', 'int64', [2, 3]);
  const table = b.parameter('table', randomTensor([5, 4], 1));
  const scale = (name: string, t: Tensor) => b.parameter(name, t);
  const normal = apply('BatchNormalization', [
    add(x, gather(table, ids)),
    scale('gamma', randomTensor([3], 2)),
    scale('beta', randomTensor([3], 3)),
    scale('mean', randomTensor([3], 4)),
    scale('variance', positive([3])),
  ]);
  const factor = mul(normal, b.parameter('one_number', randomTensor([1], 5)));
  const masked = add(factor, b.parameter('mask', { ...randomTensor([4]), data: Float32Array.of(0, 0, 0, -Infinity) }));
  const product = matmul(masked, transpose(b.constant(randomTensor([2, 4], 6)), [1, 0]));
  b.output(add(product, b.parameter('one_bias', randomTensor([1], 7))), 'y');
  b.parameter('shape', { elementType: 'int64', dims: [1], data: BigInt64Array.of(3n) });
  return modelOf(b.build());
}

describe('liftConstants', () => {
  it('makes constants that are weights initializers under the same names, and leaves the others', () => {
    const model = mixedModel();
    const lifted = liftConstants(model);
    const added = [...lifted.graph.initializers.keys()].filter((name) => !model.graph.initializers.has(name));
    expect(added).toHaveLength(1);
    expect(lifted.graph.nodes.some((n) => n.outputs[0] === added[0])).toBe(false);
    expect(lifted.graph.initializers.get(added[0]!)!.dims).toEqual([2, 4]);
    expect(liftConstants(lifted)).toBe(lifted);
  });
});

describe('trainedNames', () => {
  const { graph } = liftConstants(mixedModel());

  it('takes weights, and neither statistics nor masks nor single numbers', () => {
    const [constant, ...others] = trainedNames(graph).sort();
    expect(constant).toMatch(/^Constant/);
    expect(others).toEqual(['beta', 'gamma', 'one_bias', 'table']);
  });

  it('leaves out what a pattern names, as a whole name', () => {
    expect(trainedNames(graph, ['Const*', 'one_*']).sort()).toEqual(['beta', 'gamma', 'table']);
    expect(() => trainedNames(graph, ['able'])).toThrow(/--freeze able: no weight has such a name; the weights are/);
    expect(() => trainedNames(graph, ['*'])).toThrow(/nothing to train: all of them are frozen/);
  });
});

describe('weights in half precision', () => {
  it('are float32 in training, and rounded back', () => {
    const b = new GraphBuilder('half');
    const x = b.input('x', 'float16', ['batch', 3]);
    b.output(matmul(x, b.parameter('w', half([3, 2], 1))), 'y');
    const model = modelOf(b.build());
    const weights = weightsOfModel(model, trainedNames(model.graph));
    const w = weights.get('w')!;
    expect(w.elementType).toBe('float32');
    expect(withWeights(model, weights)).toEqual(model);
    const moved = new Map([['w', { ...w, data: Float32Array.from(w.data as Float32Array, (v) => v + 1e-6) }]]);
    expect(withWeights(model, moved).graph.initializers.get('w')).toEqual(model.graph.initializers.get('w'));
  });
});
