import { describe, expect, it } from 'vitest';
import { distinct, graphOver, loop, numbersOf, positive, randomTensor } from '../../test/support/graphs.ts';
import { wrongSideBySide } from '../../test/support/sideBySide.ts';
import { float, floats, int64s } from '../graph/attributes.ts';
import type { AttributeValues, GraphBuilder, Value } from '../graph/builder.ts';
import {
  add,
  apply,
  concat,
  gemm,
  matmul,
  mul,
  shapeOf,
  slice,
  split,
  squeeze,
  tanh,
  unsqueeze,
  where,
} from '../graph/ops.ts';
import { operatorsWith } from '../graph/rules.ts';
import type { Tensor } from '../graph/types.ts';
import { sideBySide } from './overTime.ts';
import { stackedOperators } from './stackedRules.ts';

const EXAMPLES = 3;
const half = float(0.5);

/** Other values for each example; whole numbers are the same in all. */
function stackOf(tensor: Tensor): Tensor {
  const dims = [EXAMPLES, ...tensor.dims];
  if (tensor.elementType !== 'float32') {
    const values = numbersOf(tensor);
    return int64s(dims, Array.from({ length: EXAMPLES }, () => values).flat());
  }
  const values = numbersOf(tensor);
  return floats(dims, Array.from({ length: EXAMPLES }, (_, n) => values.map((v) => v * (1 + n / 4))).flat());
}

type Values = Record<string, Value>;

interface Case {
  readonly op: string;
  readonly variant: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly build: (v: Values, b: GraphBuilder) => Value | readonly Value[];
}

const x = randomTensor([2, 3, 4]);
const weight =
  (dims: readonly number[], seed = 9) =>
  (b: GraphBuilder) =>
    b.constant(randomTensor(dims, seed));

const one = (op: string, variant: string, build: Case['build'], inputs: Case['inputs'] = { x }): Case => {
  return { op, variant, inputs, build };
};

/** An operator of x alone. */
const plain = (op: string, attributes: AttributeValues = {}, dims: readonly number[] = [2, 3, 4], outputs = 1): Case =>
  one(op, JSON.stringify(attributes), (v, b) => b.node(op, [v.x], attributes, outputs), { x: distinct(dims) });

const image = { x: randomTensor([1, 2, 5, 4]) };

const cases: Case[] = [
  plain('ArgMax', { axis: 1 }),
  plain('ArgMin', { axis: -1, keepdims: 0 }),
  plain('AveragePool', { kernel_shape: [2] }, [1, 2, 6]),
  one(
    'BatchNormalization',
    'for inference',
    (v, b) => {
      const vectors = [3, 4, 5, 6].map((seed) => apply('Abs', [weight([2], seed)(b)]));
      return apply('BatchNormalization', [v.x, ...vectors]);
    },
    image,
  ),
  one('Concat', 'with what is the same everywhere', (v, b) => concat([v.x!, weight([2, 1, 4])(b), v.x!], 1)),
  one('Concat', 'negative axis', (v) => concat([v.x!, tanh(v.x!)], -1)),
  one(
    'Conv',
    'groups',
    (v, b) => apply('Conv', [v.x, weight([4, 1, 2, 2])(b)], { group: 2, pads: [1, 0, 0, 1] }),
    image,
  ),
  one('Conv', 'a batch of its own', (v, b) => apply('Conv', [v.x, weight([4, 3, 2])(b), weight([4], 3)(b)])),
  one(
    'ConvTranspose',
    'stride',
    (v, b) => apply('ConvTranspose', [v.x, weight([2, 3, 2, 3])(b)], { strides: [2, 1] }),
    image,
  ),
  one('CumSum', 'axis 1', (v, b) => apply('CumSum', [v.x, b.ints([1])])),
  one('Einsum', 'with a matrix', (v, b) => apply('Einsum', [v.x, weight([4, 5])(b)], { equation: 'abc,cd->abd' })),
  one('Einsum', 'with itself', (v) => apply('Einsum', [v.x, v.x], { equation: 'abc,adc->bd' })),
  one('Expand', 'more axes', (v, b) => apply('Expand', [v.x, b.ints([5, 2, 3, 4])])),
  plain('Flatten', { axis: 2 }),
  one('Gather', 'axis 1', (v, b) => apply('Gather', [v.x, b.constant(int64s([2, 2], [2, 0, -1, 1]))], { axis: 1 })),
  one('Gather', 'rows of a table', (v, b) => apply('Gather', [weight([4, 3])(b), v.at]), { at: int64s([2], [3, 1]) }),
  one('GatherND', 'rows', (v, b) => apply('GatherND', [v.x, b.constant(int64s([2, 2], [0, 1, 1, 2]))])),
  one(
    'Gemm',
    'a weight turned around, α and β',
    (v, b) => apply('Gemm', [v.x, weight([5, 4])(b), weight([5], 3)(b)], { transB: 1, alpha: half, beta: half }),
    { x: randomTensor([3, 4]) },
  ),
  one('Gemm', 'all differ', (v) => gemm(v.x!, v.y!, v.z!, { transA: true }), {
    ...{ x: randomTensor([4, 3]), y: randomTensor([4, 2], 2), z: randomTensor([2], 3) },
  }),
  one('Gemm', 'a matrix times what differs', (v, b) => gemm(weight([5, 3])(b), v.x!), { x: randomTensor([3, 4]) }),
  plain('GlobalAveragePool', {}, [1, 2, 5]),
  plain('GlobalMaxPool', {}, [1, 2, 5]),
  one(
    'InstanceNormalization',
    'one example',
    (v, b) => apply('InstanceNormalization', [v.x, weight([2])(b), weight([2], 3)(b)]),
    image,
  ),
  one('LayerNormalization', 'last axes', (v, b) =>
    apply('LayerNormalization', [v.x, weight([3, 4])(b), weight([3, 4], 3)(b)], { axis: -2 }),
  ),
  plain('LogSoftmax', { axis: 1 }),
  one('MatMul', 'two matrices that differ', (v) => matmul(v.x!, v.y!), {
    x: randomTensor([2, 3]),
    y: randomTensor([3, 4], 2),
  }),
  one('MatMul', 'a matrix times what differs', (v, b) => matmul(weight([5, 3])(b), v.x!), { x: randomTensor([3, 4]) }),
  one('MatMul', 'a stack of matrices', (v, b) => matmul(v.x!, weight([4, 5])(b))),
  one('MatMul', 'a stack times what differs', (v, b) => matmul(weight([2, 5, 3])(b), v.x!), {
    x: randomTensor([3, 4]),
  }),
  one('MatMul', 'a vector', (v, b) => matmul(v.x!, weight([4, 5])(b)), { x: randomTensor([4]) }),
  plain('MaxPool', { kernel_shape: [2], strides: [2] }, [1, 2, 6]),
  one('Pad', 'zeros', (v, b) => apply('Pad', [v.x, b.ints([0, 1, 0, 2, 0, 1])])),
  one('Pad', 'reflect', (v, b) => apply('Pad', [v.x, b.ints([0, 0, 2, 0, 0, 1])], { mode: 'reflect' })),
  ...operatorsWith({ reduces: 'value' }).map((op) =>
    one(
      op,
      'axes',
      (v, b) => (op === 'ReduceSum' ? apply(op, [v.x, b.ints([-1])]) : apply(op, [v.x], { axes: [1], keepdims: 0 })),
      {
        x: positive([2, 3, 4]),
      },
    ),
  ),
  one('ReduceMean', 'all axes', (v) => apply('ReduceMean', [v.x], { keepdims: 0 })),
  one('Reshape', 'by the shape of another value', (v) => apply('Reshape', [tanh(v.x!), shapeOf(unsqueeze(v.x!, [1]))])),
  one(
    'ScatterND',
    'a cache',
    (v, b) => apply('ScatterND', [v.x, b.constant(int64s([1, 1], [1])), unsqueeze(v.y!, [0])]),
    { x, y: randomTensor([3, 4], 2) },
  ),
  one(
    'ScatterND',
    'into what is the same everywhere',
    (v, b) => apply('ScatterND', [weight([2, 3])(b), b.constant(int64s([1, 1], [0])), unsqueeze(v.y!, [0])]),
    { y: randomTensor([3], 2) },
  ),
  one('Slice', 'steps', (v) => slice(v.x!, [0, -1], [2, -9], [1, 2], [2, -2])),
  one('Slice', 'no axes', (v, b) => apply('Slice', [v.x, b.ints([1, 1]), b.ints([2, 3])])),
  plain('Softmax', { axis: 0 }),
  one('Split', 'sizes', (v) => split(v.x!, [1, 3], -1)),
  one('Squeeze', 'an axis', (v) => squeeze(v.x!, [0]), image),
  one('Tile', 'two axes', (v, b) => apply('Tile', [v.x, b.ints([2, 1, 3])])),
  plain('Transpose', { perm: [2, 0, 1] }),
  plain('Transpose'),
  one('Unsqueeze', 'two axes', (v) => unsqueeze(v.x!, [0, -1])),
  one('PRelu', 'a slope for each channel', (v, b) => apply('PRelu', [v.x, weight([3, 1])(b)])),
  one('Add', 'fewer axes', (v, b) => add(v.y!, mul(v.x!, weight([5, 2, 3, 4])(b))), { x, y: randomTensor([4], 2) }),
  one('Where', 'a condition that differs', (v, b) => where(apply('Greater', [v.x, b.float(0)]), v.x!, weight([4])(b))),
  one('Clip', 'limits', (v, b) => apply('Clip', [v.x, undefined, b.float(0.2)])),
  one(
    'Scan',
    'a loop over an inner axis',
    (v, b) =>
      loop([weight([4])(b)], [v.x!, weight([2, 4], 3)(b)], ([s], [a, c]) => {
        const next = tanh(add(mul(s!, c!), apply('ReduceMean', [a!], { axes: [0], keepdims: 0 })));
        return [next, mul(next, v.y!)];
      }),
    { x, y: randomTensor([4], 2) },
  ),
];

describe('operators for examples side by side', () => {
  it.each(cases)('$op: $variant', async ({ op, inputs, build }) => {
    const graph = graphOver(inputs, build);
    expect(graph.nodes.map((n) => n.op)).toContain(op);
    const many = sideBySide(graph, EXAMPLES);
    // Nothing stays in a loop over the examples: only a loop that was there before.
    expect(many.nodes.filter((n) => n.op === 'Scan')).toHaveLength(op === 'Scan' ? 1 : 0);
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, t]) => [name, stackOf(t)]));
    expect(await wrongSideBySide(graph, many, feeds, EXAMPLES)).toEqual([]);
  });

  it('have a case each', () => {
    expect(stackedOperators.filter((op) => !cases.some((c) => c.op === op))).toEqual([]);
  });

  it('stay in a loop where no rule is known', async () => {
    const graph = graphOver({ x }, (v, b) => b.node('TopK', [tanh(v.x), b.ints([2])], {}, 2)[0]!);
    const many = sideBySide(graph, EXAMPLES);
    expect(many.nodes.map((n) => n.op)).toEqual(expect.arrayContaining(['Tanh', 'Scan']));
    expect(await wrongSideBySide(graph, many, { x: stackOf(x) }, EXAMPLES)).toEqual([]);
  });
});
