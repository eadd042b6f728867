import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../autodiff/gradientCheck.ts';
import { attribute, int64s } from '../graph/attributes.ts';
import type { AttributeValues, Value } from '../graph/builder.ts';
import { hoistLoops } from '../graph/hoist.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { add, apply, mul } from '../graph/ops.ts';
import { graphOver, largestDifference, numbersOf, randomTensor, runGraph } from '../graph/testGraphs.ts';
import type { Attribute, Dim, Graph, Tensor } from '../graph/types.ts';
import { isRecurrent, lowerRecurrent } from './lower.ts';

// T = 4, B = 2, I = 3, H = 2
interface Layer {
  readonly direction: string;
  readonly bias: boolean;
  readonly states: boolean;
}

const layers: Layer[] = ['forward', 'reverse', 'bidirectional'].flatMap((direction) =>
  [false, true].flatMap((bias) => [false, true].map((states) => ({ direction, bias, states }))),
);

interface Size {
  readonly time: number;
  readonly batch: number;
}

/** The inputs of an LSTM, in their order, those that the layer has. */
function tensorsOf({ direction, bias, states }: Layer, { time, batch }: Size): Record<string, Tensor> {
  const directions = direction === 'bidirectional' ? 2 : 1;
  return {
    x: randomTensor([time, batch, 3], 1),
    w: randomTensor([directions, 8, 3], 2),
    r: randomTensor([directions, 8, 2], 3),
    ...(bias && { b: randomTensor([directions, 16], 4) }),
    ...(states && { h: randomTensor([directions, batch, 2], 5), c: randomTensor([directions, batch, 2], 6) }),
  };
}

function lstmGraph(layer: Layer, size: Size, shapes: Record<string, readonly Dim[]> = {}): Graph {
  return graphOver(
    tensorsOf(layer, size),
    (v: Record<string, Value>, b) =>
      b.node('LSTM', [v.x, v.w, v.r, v.b, undefined, v.h, v.c], { hidden_size: 2, direction: layer.direction }, 3),
    shapes,
  );
}

async function expectSame(graph: Graph, lowered: Graph, feeds: Record<string, Tensor>): Promise<void> {
  const [expected, got] = [await runGraph(graph, feeds), await runGraph(lowered, feeds)];
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    expect(got[name]!.dims).toEqual(tensor.dims);
    expect(largestDifference(numbersOf(got[name]!), numbersOf(tensor))).toBeLessThan(1e-5);
  }
}

const size = { time: 4, batch: 2 };

describe('a lowered LSTM', () => {
  it.each(layers)('computes what ONNX Runtime computes: $direction, bias $bias, states $states', async (layer) => {
    const graph = lstmGraph(layer, size);
    const lowered = lowerRecurrent(graph);
    expect(lowered.nodes.some(isRecurrent)).toBe(false);
    await expectSame(graph, lowered, tensorsOf(layer, size));
    await expectSame(graph, hoistLoops(lowered), tensorsOf(layer, size));
  });

  const free = { x: ['time', 'batch', 3], h: ['directions', 'batch', 2], c: ['directions', 'batch', 2] };
  const variants = layers.flatMap((layer) => [
    { ...layer, time: 4, batch: 2 },
    { ...layer, time: 1, batch: 1 },
  ]);
  it.each(variants)('with free time and batch: $direction, bias $bias, states $states, $time × $batch', async (v) => {
    const directions = v.direction === 'bidirectional' ? 2 : 1;
    const shapes = v.states
      ? { ...free, h: [directions, 'batch', 2], c: [directions, 'batch', 2] }
      : { x: ['time', 'batch', 3] };
    const graph = lstmGraph(v, v, shapes);
    const lowered = lowerRecurrent(graph);
    const type = inferTypes(lowered);
    expect(lowered.outputs.map((o) => type(o.name)?.shape)).toEqual([
      ['time', directions, 'batch', 2],
      [directions, 'batch', 2],
      [directions, 'batch', 2],
    ]);
    await expectSame(graph, lowered, tensorsOf(v, v));
  });

  it.each(layers)('has the right gradients: $direction, bias $bias, states $states', async (layer) => {
    const tensors = tensorsOf(layer, { time: 3, batch: 2 });
    const shapes = layer.states ? {} : { x: ['time', 'batch', 3] };
    const lowered = lowerRecurrent(lstmGraph(layer, { time: 3, batch: 2 }, shapes));
    expect(await wrongGradients(lowered, tensors)).toEqual([]);
    expect(await wrongGradients(lowered, tensors, { rewrite: hoistLoops })).toEqual([]);
  });

  it('keeps the rest of the graph, its names and its parameters', async () => {
    const layer = { direction: 'forward', bias: true, states: false };
    const { x, w, r, b } = tensorsOf(layer, size);
    const inputs = { x: x! };
    const graph = graphOver(inputs, (v, g) => {
      const weights = [g.parameter('W', w!), g.parameter('R', r!), g.parameter('B', b!)];
      const lstmInputs = [mul(v.x, 2), ...weights].map((value) => value.name);
      const attributes = { hidden_size: attribute(2) };
      // The middle output, the final h, is left out.
      g.addNode({
        op: 'LSTM',
        domain: '',
        name: 'layer',
        inputs: lstmInputs,
        outputs: ['sequence', '', 'cell'],
        attributes,
      });
      return [add(g.value('sequence'), 1), g.value('cell')];
    });
    const lowered = lowerRecurrent(graph);
    expect(lowered.outputs).toEqual(graph.outputs);
    expect([...lowered.initializers]).toEqual([...graph.initializers]);
    expect(lowered.nodes.some((n) => n.outputs.includes('sequence'))).toBe(true);
    await expectSame(graph, lowered, inputs);
  });

  it('stacks', async () => {
    const weights = { w: randomTensor([1, 8, 3], 2), r: randomTensor([1, 8, 2], 3), w2: randomTensor([1, 8, 2], 4) };
    const inputs = { x: randomTensor([4, 2, 3]), ...weights };
    const graph = graphOver(inputs, (v, b) => {
      const [first] = b.node('LSTM', [v.x, v.w, v.r], { hidden_size: 2 }, 3);
      const flat = apply('Squeeze', [first, b.ints([1])]);
      return b.node('LSTM', [flat, v.w2, v.r], { hidden_size: 2, direction: 'reverse' }, 3);
    });
    const lowered = lowerRecurrent(graph);
    await expectSame(graph, lowered, inputs);
    expect(await wrongGradients(lowered, inputs, { rewrite: hoistLoops })).toEqual([]);
  });

  it('leaves a graph without recurrent layers as it is', () => {
    const graph = graphOver({ x: randomTensor([2]) }, (v) => mul(v.x, 2));
    expect(lowerRecurrent(graph)).toBe(graph);
  });
});

describe('lowering refuses, naming the node,', () => {
  const layer = { direction: 'forward', bias: true, states: true };
  const strings = (...value: string[]): Attribute => ({ type: 'strings', value });
  const lowered = (attributes: AttributeValues, extra: Record<string, Tensor> = {}, op = 'LSTM') => {
    const tensors = { ...tensorsOf(layer, size), ...extra };
    return () =>
      lowerRecurrent(
        graphOver(tensors, (v: Record<string, Value>, b) =>
          b.node(op, [v.x, v.w, v.r, v.b, v.lengths, v.h, v.c, v.p], { hidden_size: 2, ...attributes }, 1),
        ),
      );
  };

  it.each([
    ['peepholes', lowered({}, { p: randomTensor([1, 6]) }), "LSTM 'LSTM_0' uses peepholes (input P), which is not"],
    ['clipping', lowered({ clip: { type: 'float', value: 3 } }), "LSTM 'LSTM_0' uses clip, which is not supported"],
    ['coupled gates', lowered({ input_forget: 1 }), "LSTM 'LSTM_0' uses input_forget"],
    [
      'activations',
      lowered({ activations: strings('Sigmoid', 'Relu', 'Tanh') }),
      "LSTM 'LSTM_0' uses activations [Sigmoid,Relu,Tanh]",
    ],
    [
      'sequence lengths',
      lowered({}, { lengths: { ...int64s([2], [4, 3]), elementType: 'int32', data: Int32Array.of(4, 3) } }),
      "LSTM 'LSTM_0' has sequence lengths (input 4), which are not supported",
    ],
  ])('%s', (_, lower, message) => {
    expect(lower).toThrow(message);
  });

  it('a batch-first layer', () => {
    const { x, w, r } = tensorsOf(layer, size);
    const graph = graphOver({ x: x!, w: w!, r: r! }, (v, b) =>
      b.node('LSTM', [v.x, v.w, v.r], { hidden_size: 2, layout: 1 }, 1),
    );
    expect(() => lowerRecurrent(graph)).toThrow("LSTM 'LSTM_0' is batch-first (layout 1), which is not supported");
  });

  it('a cell that it does not know', () => {
    const inputs = { x: randomTensor([4, 2, 3]), w: randomTensor([1, 6, 3]), r: randomTensor([1, 6, 2]) };
    const graph = graphOver(inputs, (v, b) => b.node('GRU', [v.x, v.w, v.r], { hidden_size: 2 }, 1));
    expect(() => lowerRecurrent(graph)).toThrow("GRU 'GRU_0' cannot be trained yet; known cells: LSTM");
  });

  it('but takes the standard activations, in any case', async () => {
    const names = strings('sigmoid', 'Tanh', 'TANH');
    expect(lowered({ activations: names })).not.toThrow();
  });
});
