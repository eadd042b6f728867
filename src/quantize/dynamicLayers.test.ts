import { describe, expect, it } from 'vitest';
import { largestDifference, loop, numbersOf, randomTensor } from '../../test/support/graphs.ts';
import {
  directionNames,
  layerGraph,
  reals,
  strings,
  type TestLayer,
  tensorsOf,
} from '../../test/support/recurrentLayers.ts';
import { float } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, gemm, matmul, reshape, tanh, transpose, unsqueeze } from '../graph/ops.ts';
import { allNodes } from '../graph/rewrite.ts';
import type { Graph, Model, Tensor } from '../graph/types.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { loadWebRuntime } from '../runtime/webInNode.ts';
import { quantizeModel } from './quantize.ts';

/** A recurrent layer whose weights are stored, and what is fed to it. */
function storedLayer(layer: TestLayer): { model: Model; feeds: Tensors } {
  const graph = layerGraph(layer);
  const tensors = tensorsOf(layer);
  const isWeight = (name: string) => ['w', 'r', 'b', 'p'].includes(name);
  const [weights, feeds] = [true, false].map((wanted) =>
    Object.entries(tensors).filter(([name]) => isWeight(name) === wanted),
  );
  const inputs = graph.inputs.filter(({ name }) => !isWeight(name));
  return { model: modelOf({ ...graph, inputs, initializers: new Map(weights) }), feeds: Object.fromEntries(feeds!) };
}

/** How far two models are apart on the same inputs, over all outputs, in both engines. */
async function apart(one: Model, other: Model, feeds: Tensors): Promise<number> {
  let worst = 0;
  for (const runtime of [nodeRuntime, await loadWebRuntime()]) {
    const [a, b] = await Promise.all([one, other].map((model) => outputsOf(model, feeds, runtime)));
    for (const [name, tensor] of Object.entries(a!)) {
      worst = Math.max(worst, largestDifference(numbersOf(tensor), numbersOf(b![name]!)));
    }
  }
  return worst;
}

async function outputsOf(model: Model, feeds: Tensors, runtime = nodeRuntime): Promise<Record<string, Tensor>> {
  const session = await runtime.createSession(model, { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

const operators = (graph: Graph) => allNodes(graph).map(({ op }) => op);

describe('an LSTM of whole numbers', () => {
  const plain: TestLayer = { op: 'LSTM', hidden: 24 };
  const variants: readonly [string, TestLayer][] = [
    ...directionNames.map((direction): [string, TestLayer] => [direction, { ...plain, direction }]),
    ['with a bias', { ...plain, bias: true }],
    ['with initial states', { ...plain, states: true, direction: 'bidirectional' }],
    ['with lengths', { ...plain, lengths: [4, 2], bias: true }],
    ['with all inputs', { ...plain, bias: true, lengths: [2, 4], states: true, direction: 'reverse' }],
    ['with peepholes', { ...plain, peepholes: true, bias: true }],
    ['with coupled gates', { ...plain, attributes: { input_forget: 1 } }],
    ['clipped', { ...plain, attributes: { clip: float(0.4) } }],
    [
      'with other activations',
      {
        ...plain,
        attributes: {
          activations: strings('HardSigmoid', 'Tanh', 'Tanh'),
          activation_alpha: reals(0.25),
          activation_beta: reals(0.5),
        },
      },
    ],
  ];

  it.each(variants)('%s', async (_, layer) => {
    const { model, feeds } = storedLayer(layer);
    const quantized = quantizeModel(model);
    expect(operators(quantized.model.graph)).toEqual(['DynamicQuantizeLSTM']);
    expect(quantized.weights).toEqual([
      { name: 'w', form: 'product' },
      { name: 'r', form: 'product' },
    ]);
    const difference = await apart(model, quantized.model, feeds);
    expect(difference).toBeLessThan(0.03);
    expect(difference).toBeGreaterThan(0);
  });

  it('that is batch first, which the engine knows time first only', async () => {
    const { model, feeds } = storedLayer({ ...plain, layout: 1, states: true });
    const quantized = quantizeModel(model);
    expect(operators(quantized.model.graph)).toContain('DynamicQuantizeLSTM');
    expect(await apart(timeFirst(model), quantized.model, feeds)).toBeLessThan(0.03);
  });

  it('has 7 bits, or 8', () => {
    const largest = (bits: 7 | 8) => {
      const { graph } = quantizeModel(storedLayer(plain).model, { bits }).model;
      return Math.max(...numbersOf(graph.initializers.get('w.int8')!).map(Math.abs));
    };
    expect([largest(7), largest(8)]).toEqual([64, 127]);
  });

  it('stays one of reals where a weight is not finite', () => {
    const { model } = storedLayer(plain);
    const { w } = Object.fromEntries(model.graph.initializers);
    (w!.data as Float32Array)[5] = Number.NaN;
    const quantized = quantizeModel(model);
    expect(operators(quantized.model.graph)).toEqual(['Cast', 'Mul', 'LSTM']);
    expect(quantized).toMatchObject({
      weights: [{ name: 'r', form: 'int8' }],
      kept: [{ name: 'w', why: 'has NaN or infinity' }],
    });
  });
});

describe('a product of whole numbers', () => {
  const [rows, inner, columns] = [5, 16, 20];
  const x = randomTensor([rows, inner], 1);
  const stored = (dims: readonly number[], seed: number) => randomTensor(dims, seed);

  /** A model of x alone. */
  function modelWith(build: (x: Value, parameter: (dims: readonly number[]) => Value) => Value): Model {
    const b = new GraphBuilder('products');
    let count = 0;
    const parameter = (dims: readonly number[]) => b.parameter(`w${count++}`, stored(dims, count));
    b.output(build(b.input('x', 'float32', ['rows', inner]), parameter), 'y');
    return modelOf(b.build());
  }

  const turned = { transB: true };
  it.each<[string, Parameters<typeof modelWith>[0], readonly string[]]>([
    ['MatMul', (v, w) => matmul(v, w([inner, columns])), ['DynamicQuantizeMatMul']],
    ['Gemm', (v, w) => gemm(v, w([inner, columns])), ['DynamicQuantizeMatMul']],
    ['Gemm with a turned weight', (v, w) => gemm(v, w([columns, inner]), undefined, turned), ['DynamicQuantizeMatMul']],
    ['Gemm with a bias', (v, w) => gemm(v, w([columns, inner]), w([columns]), turned), ['DynamicQuantizeMatMul']],
    ['Gemm with a bias for all', (v, w) => gemm(v, w([inner, columns]), w([1])), ['DynamicQuantizeMatMul', 'Add']],
    [
      'Gemm with factors',
      (v, w) => apply('Gemm', [v, w([inner, columns]), w([columns])], { alpha: float(0.5), beta: float(2) }),
      ['DynamicQuantizeMatMul', 'Mul', 'Mul', 'Add'],
    ],
    ['a vector behind', (v, w) => add(matmul(v, w([inner, columns])), w([columns])), ['DynamicQuantizeMatMul']],
    ['a vector before', (v, w) => add(w([columns]), matmul(v, w([inner, columns]))), ['DynamicQuantizeMatMul']],
    [
      'a vector behind factors',
      (v, w) => add(apply('Gemm', [v, w([inner, columns])], { alpha: float(0.5), beta: float(3) }), w([columns])),
      ['DynamicQuantizeMatMul', 'Mul', 'Add'],
    ],
    [
      'a vector behind, and another reader',
      (v, w) => {
        const product = matmul(v, w([inner, columns]));
        return add(add(product, w([columns])), product);
      },
      ['DynamicQuantizeMatMul', 'Add', 'Add'],
    ],
    ['a row behind', (v, w) => add(matmul(v, w([inner, columns])), w([1, columns])), ['DynamicQuantizeMatMul', 'Add']],
    ['a transposed weight', (v, w) => matmul(v, transpose(w([columns, inner]), [1, 0])), ['DynamicQuantizeMatMul']],
  ])('%s', async (_, build, expected) => {
    const model = modelWith(build);
    const { model: quantized, kept } = quantizeModel(model);
    const found = operators(quantized.graph).filter((op) => op !== 'Constant' && op !== 'Identity');
    expect([found, kept]).toEqual([expected, []]);
    expect(await apart(model, quantized, { x })).toBeLessThan(0.06);
  });

  it('stores a weight once that two nodes read', () => {
    const model = modelWith((v, w) => {
      const shared = w([inner, inner]);
      return matmul(matmul(v, shared), shared);
    });
    const { model: quantized, weights } = quantizeModel(model);
    expect(weights).toEqual([{ name: 'w0', form: 'product' }]);
    expect([...quantized.graph.initializers.keys()]).toEqual(['w0.int8', 'w0.scale']);
  });

  it('that is small keeps its vector behind it', () => {
    const model = modelWith((v, w) => add(matmul(matmul(v, w([inner, 24])), w([24, 2])), w([2])));
    expect(operators(quantizeModel(model).model.graph).filter((op) => op !== 'Identity')).toEqual([
      ...['DynamicQuantizeMatMul', 'MatMul', 'Add'],
    ]);
  });

  it('in a loop reads a weight outside', async () => {
    const model = modelWith((v, w) => {
      const [weight, steps] = [w([inner, inner]), unsqueeze(v, [0])];
      return loop([v], [steps], ([state], [step]) => [tanh(matmul(add(state!, step!), weight))])[0]!;
    });
    const { model: quantized } = quantizeModel(model);
    expect(operators(quantized.graph)).toContain('DynamicQuantizeMatMul');
    expect(await apart(model, quantized, { x })).toBeLessThan(0.06);
  });

  it.each<[string, Parameters<typeof modelWith>[0]]>([
    ['on the left', (v, w) => matmul(w([inner, 32]), reshape(v, [32, -1]))],
    ['in a stack', (v, w) => matmul(v, w([2, inner, columns]))],
  ])('has no weight %s, which is stored as int8', async (_, build) => {
    const model = modelWith(build);
    const { model: quantized, weights } = quantizeModel(model);
    expect(weights).toEqual([{ name: 'w0', form: 'int8' }]);
    expect(await apart(model, quantized, { x: randomTensor([8, inner]) })).toBeLessThan(0.06);
  });
});
