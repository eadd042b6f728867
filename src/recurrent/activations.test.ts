import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { distinct, graphOver, largestDifference, numbersOf, runGraph } from '../../test/support/graphs.ts';
import { layerGraph, reals, strings, type TestLayer, tensorsOf } from '../../test/support/recurrentLayers.ts';
import { float } from '../graph/attributes.ts';
import type { AttributeValues } from '../graph/builder.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { activationsOf } from './activations.ts';

async function difference(graph: Graph, feeds: Record<string, Tensor>): Promise<number> {
  const [expected, got] = [await runGraph(graph, feeds), await runGraph(lowerRecurrent(graph), feeds)];
  return Math.max(...Object.keys(expected).map((k) => largestDifference(numbersOf(got[k]!), numbersOf(expected[k]!))));
}

/** Values whose neighbourhood has no kink: inputs of `distinct` lie at ±0.2, ±0.35, ±0.5, … */
const parameters: readonly [string, number[], number[]][] = [
  ['Relu', [], []],
  ['Tanh', [], []],
  ['Sigmoid', [], []],
  ['Affine', [0.7], [0.3]],
  ['LeakyRelu', [0.3], []],
  ['ThresholdedRelu', [0.27], []],
  ['ScaledTanh', [1.5], [0.6]],
  ['HardSigmoid', [0.8], [0.45]],
  ['Elu', [0.7], []],
  ['Softsign', [], []],
  ['Softplus', [], []],
];

describe('activations of a recurrent operator', () => {
  it.each(parameters)('%s is what ONNX Runtime computes, by default and with α %j, β %j', async (name, α, β) => {
    const given = { activation_alpha: reals(...α), activation_beta: reals(...β) };
    // Without α and β, ONNX Runtime takes 0 for these instead of the operators' defaults.
    const unset = ['Affine', 'ThresholdedRelu', 'ScaledTanh'].includes(name) ? [] : [{}];
    for (const attributes of [...unset, given]) {
      const layer: TestLayer = { op: 'RNN', bias: true, attributes: { activations: strings(name), ...attributes } };
      expect(await difference(layerGraph(layer), tensorsOf(layer))).toBeLessThan(1e-6);
    }
  });

  it.each(parameters)('%s has the right gradient with α %j, β %j', async (name, α, β) => {
    const attributes = { activations: strings(name), activation_alpha: reals(...α), activation_beta: reals(...β) };
    const graph = graphOver({ x: distinct([3, 4]) }, (v) =>
      activationsOf({ ...plainNode, attributes }, 1, ['Tanh'])[0]![0]!(v.x),
    );
    expect(await wrongGradients(graph, { x: distinct([3, 4]) })).toEqual([]);
  });

  it.each([
    ['Affine', [-2, 0.5, 3]],
    ['ThresholdedRelu', [0, 0, 3]],
    ['ScaledTanh', [-2, 0.5, 3].map(Math.tanh)],
  ])('%s has the defaults of the standard', async (name, expected) => {
    const x: Tensor = { elementType: 'float32', dims: [3], data: Float32Array.of(-2, 0.5, 3) };
    const attributes = { activations: strings(name) };
    const graph = graphOver({ x }, (v) => activationsOf({ ...plainNode, attributes }, 1, ['Tanh'])[0]![0]!(v.x));
    const [y] = Object.values(await runGraph(graph, { x }));
    expect(largestDifference(numbersOf(y!), expected)).toBeLessThan(1e-6);
  });

  it('clip bounds what goes in, and its gradient', async () => {
    const attributes = { clip: float(0.6) };
    const graph = graphOver({ x: distinct([3, 4]) }, (v) =>
      activationsOf({ ...plainNode, attributes }, 1, ['Tanh'])[0]![0]!(v.x),
    );
    const [y] = Object.values(await runGraph(graph, { x: distinct([3, 4]) }));
    expect(Math.max(...numbersOf(y!))).toBeCloseTo(Math.tanh(0.6), 6);
    expect(Math.min(...numbersOf(y!))).toBeCloseTo(-Math.tanh(0.6), 6);
    expect(await wrongGradients(graph, { x: distinct([3, 4]) })).toEqual([]);
  });

  it('an Elu of a large value has a finite gradient', async () => {
    const attributes = { activations: strings('Elu') };
    const x: Tensor = { elementType: 'float32', dims: [2], data: Float32Array.of(2, 200) };
    const graph = graphOver({ x }, (v) => activationsOf({ ...plainNode, attributes }, 1, ['Tanh'])[0]![0]!(v.x));
    expect(await wrongGradients(graph, { x })).toEqual([]);
  });

  const mixed: readonly TestLayer[] = [
    { op: 'LSTM', attributes: options(['HardSigmoid', 'Relu', 'LeakyRelu'], [0.3, 0.05], [0.4]) },
    { op: 'LSTM', peepholes: true, attributes: options(['Sigmoid', 'ScaledTanh', 'Affine'], [0.9, 0.8], [0.7]) },
    {
      op: 'LSTM',
      direction: 'bidirectional',
      attributes: options(
        ['sigmoid', 'Elu', 'TANH', 'HardSigmoid', 'softsign', 'ScaledTanh'],
        [0.5, 0.3, 1.2],
        [0.4, 0.9],
      ),
    },
    { op: 'GRU', attributes: options(['HardSigmoid', 'Softsign'], [], []) },
    { op: 'GRU', attributes: { ...options(['Sigmoid', 'Relu'], [], []), linear_before_reset: 1, clip: float(0.5) } },
    {
      op: 'GRU',
      direction: 'bidirectional',
      attributes: options(['Sigmoid', 'Elu', 'HardSigmoid', 'Tanh'], [0.6], []),
    },
    { op: 'RNN', direction: 'bidirectional', attributes: options(['Relu', 'Affine'], [0.5], [0.1]) },
  ];
  it.each(mixed)('several together: $op $attributes.activations.value', async (layer) => {
    const all = { ...layer, bias: true, states: true };
    expect(await difference(layerGraph(all), tensorsOf(all))).toBeLessThan(1e-6);
  });

  it.each([
    [['Sigmod', 'Tanh'], "GRU 'GRU_0' has an unknown activation 'Sigmod' (did you mean 'Sigmoid'?); known: Relu,Tanh,"],
    [['Tanh'], "GRU 'GRU_0' names 1 activations, expected 2: [Tanh]"],
  ])('refuses %j', (names, message) => {
    const graph = layerGraph({ op: 'GRU', attributes: { activations: strings(...names) } });
    expect(() => lowerRecurrent(graph)).toThrow(message);
  });
});

const plainNode: Node = { op: 'RNN', domain: '', name: 'rnn', inputs: [], outputs: [], attributes: {} };

function options(activations: string[], alpha: number[], beta: number[]): AttributeValues {
  return {
    activations: strings(...activations),
    ...(alpha.length > 0 && { activation_alpha: reals(...alpha) }),
    ...(beta.length > 0 && { activation_beta: reals(...beta) }),
  };
}
