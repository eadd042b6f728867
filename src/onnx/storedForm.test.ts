import { describe, expect, it } from 'vitest';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add } from '../graph/ops.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { denseModel, sparseModel, weightArrays } from './storedForm.ts';

const few = Array.from({ length: 12 }, (_, i) => (i % 4 === 1 ? -i : 0));
const many = Array.from({ length: 12 }, (_, i) => i);

function model() {
  const b = new GraphBuilder('sum');
  b.output(add(b.parameter('few', floats([3, 4], few)), b.parameter('many', floats([3, 4], many))), 'y');
  return modelOf(b.build());
}

describe('the form of a stored model', () => {
  it('is sparse where that takes less, and dense again with the same values', () => {
    const sparse = sparseModel(model());
    const { initializers } = sparse.graph;
    expect([...initializers].map(([name, t]) => [name, t instanceof SparseTensor])).toEqual([
      ['few', true],
      ['many', false],
    ]);
    expect(sparseModel(sparse).graph.initializers.get('few')).toBe(initializers.get('few'));
    const dense = denseModel(sparse).graph.initializers;
    expect(dense.get('few')).not.toBeInstanceOf(SparseTensor);
    expect(dense).toEqual(model().graph.initializers);
  });

  it('is a list of arrays, none of them laid out', () => {
    const arrays = weightArrays(sparseModel(model()));
    expect([...arrays].map(([name, { dims, data }]) => [name, dims, Array.from(data, Number)])).toEqual([
      ['few.values', [3], [-1, -5, -9]],
      ['few.indices', [3], [1, 5, 9]],
      ['few.shape', [2], [3, 4]],
      ['many', [3, 4], many],
    ]);
  });
});
