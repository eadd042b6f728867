import { expect, it } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { floatToHalf } from '../graph/half.ts';
import { numbersOf } from '../graph/numbers.ts';
import { SparseTensor, sparseOf } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { groupedTensors } from '../groups/groups.ts';
import { traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { verifyEqual } from '../verify/verify.ts';
import { planCut } from './cut.ts';
import { shrinkModel } from './shrink.ts';
import { withoutSmallWeights } from './smallWeights.ts';

const HEAD = 'head.weight';
const model = testModel({ vocabulary: 9, embedding: 4, layers: [{ hidden: 6, direction: 'forward' }] });

/** The model with a tensor in the place of another. */
function withTensor(of: Model, name: string, tensor: Tensor): Model {
  return { ...of, graph: { ...of.graph, initializers: new Map([...of.graph.initializers, [name, tensor]]) } };
}

/** The model in which all weights that read two of the units are a hundredth of what they were. */
function faintModel(): Model {
  const silent = zeroSlices(model.graph, traceModel(model).groups, new Set([1, 4]), ['reads']);
  return [...silent.initializers].reduce((faint, [name, tensor]) => {
    const before = model.graph.initializers.get(name)!.data as Float32Array;
    const data = (tensor.data as Float32Array).map((w, i) => (w === 0 ? before[i]! / 100 : w));
    return withTensor(faint, name, { ...tensor, data });
  }, model);
}

it('sets what is below τ to zero in the weights of groups, and leaves all other tensors alone', () => {
  const traced = traceModel(model);
  const names = groupedTensors(traced.groups);
  const changed = withoutSmallWeights(traced, 0.1).prepared.graph.initializers;
  expect([...names]).toContain(HEAD);
  for (const [name, tensor] of traced.prepared.graph.initializers) {
    const after = changed.get(name)!;
    if (!names.has(name)) expect(after).toBe(tensor);
    else expect([...numbersOf(after)!]).toEqual([...numbersOf(tensor)!].map((w) => (Math.abs(w) < 0.1 ? 0 : w)));
  }
});

it('lets units leave that only small weights read; the smaller model computes what the zeroed one does', async () => {
  const faint = faintModel();
  const found = traceModel(faint);
  expect(planCut(found, { kind: 'lossless' }).removed).not.toContain(1);
  const traced = withoutSmallWeights(found, 0.006);
  const { removed } = planCut(traced, { kind: 'lossless' });
  const slim = shrinkModel(faint, traced, removed);
  const removal = { groups: traced.groups, removed, prepared: traced.prepared };
  const { maxRelativeDifference } = await verifyEqual(nodeRuntime, traced.prepared, slim.model, { removal });
  expect(slim.layers).toEqual([{ name: 'lstm_0', before: 6, after: 4 }]);
  expect(maxRelativeDifference).toBeLessThan(1e-5);
});

it.each<[what: string, store: (head: Tensor) => Tensor]>([
  [
    'half precision',
    ({ dims, data }) => {
      const bits = Uint16Array.from(data as Float32Array, floatToHalf);
      return { elementType: 'float16', dims, data: bits };
    },
  ],
  ['a sparse tensor', sparseOf],
])('keeps %s as it is stored', (_, store) => {
  const given = store(model.graph.initializers.get(HEAD)!);
  const traced = traceModel(model);
  const changed = withoutSmallWeights(
    { ...traced, prepared: withTensor(traced.prepared, HEAD, given) },
    0.2,
  ).prepared.graph.initializers.get(HEAD)!;
  expect(changed.elementType).toBe(given.elementType);
  expect(changed instanceof SparseTensor).toBe(given instanceof SparseTensor);
  expect([...numbersOf(changed)!]).toEqual([...numbersOf(given)!].map((w) => (Math.abs(w) < 0.2 ? 0 : w)));
});
