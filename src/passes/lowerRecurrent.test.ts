import { describe, expect, it } from 'vitest';
import { graphOver, largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import {
  cellVariants,
  directionNames,
  directionsOf,
  layerGraph,
  outputCount,
  recurrentNode,
  type TestLayer,
  tensorsOf,
} from '../../test/support/recurrentLayers.ts';
import { attribute, constantNode, float } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent } from '../graph/operators.ts';
import { add, cast, mul, squeeze, transpose } from '../graph/ops.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { hoistLoops } from './hoistLoops.ts';
import { lowerRecurrent } from './lowerRecurrent.ts';

/** Runs both graphs and compares their outputs, in order, shapes included. */
async function expectSame(graph: Graph, lowered: Graph, feeds: Record<string, Tensor>): Promise<void> {
  const expected = Object.values(await runGraph(graph, feeds));
  const got = Object.values(await runGraph(lowered, feeds));
  expect(got.map((t) => t.dims)).toEqual(expected.map((t) => t.dims));
  got.forEach((tensor, i) => {
    expect(largestDifference(numbersOf(tensor), numbersOf(expected[i]!))).toBeLessThan(1e-5);
  });
}

/** Without optional inputs, with all of them, and with sequence lengths. */
const inputs: readonly Partial<TestLayer>[] = [
  {},
  { bias: true, states: true },
  { bias: true, lengths: [3, 1, 4], batch: 3 },
  { bias: true, states: true, lengths: [1, 4, 2], batch: 3 },
];
const layers = cellVariants.flatMap((cell) =>
  directionNames.flatMap((direction) => inputs.map((given) => ({ ...cell, ...given, direction }))),
);
/** Every third: all cells in all directions, each with one of the inputs or two of them in turn. */
const sample = layers.filter((_, i) => i % 3 === 0);
const title = '$variant, $direction, bias $bias, states $states, lengths $lengths';

describe('a lowered layer', () => {
  it.each(layers)(`computes what ONNX Runtime does: ${title}`, async (layer) => {
    const graph = layerGraph(layer);
    const lowered = lowerRecurrent(graph);
    expect(lowered.outputs).toEqual(graph.outputs);
    expect(lowered.nodes.some(isRecurrent)).toBe(false);
    await expectSame(graph, lowered, tensorsOf(layer));
    await expectSame(graph, hoistLoops(lowered), tensorsOf(layer));
  });

  it.each(layers.filter(({ lengths }) => lengths))(
    `does where nothing reads the final states: ${title}`,
    async (layer) => {
      const graph = layerGraph(layer);
      const sequence = { ...graph, outputs: graph.outputs.slice(0, 1) };
      const lowered = lowerRecurrent(sequence);
      const names = lowered.nodes.flatMap((n) => n.outputs);
      expect(graph.outputs.map(({ name }) => names.includes(name))).toEqual(graph.outputs.map((_, i) => i === 0));
      await expectSame(sequence, lowered, tensorsOf(layer));
    },
  );

  const rotated = sample.map((layer, i) => {
    const [time, batch] = i % 2 === 0 ? [4, 3] : [1, 1];
    return { ...layer, time, batch, lengths: layer.lengths?.slice(0, batch).map((n) => Math.min(n, time)) };
  });
  it.each(rotated)(`does with free batch and time: ${title}, $time × $batch`, async (layer) => {
    const directions = directionsOf(layer);
    const state = [directions, 'batch', 2];
    const graph = layerGraph(layer, { x: ['time', 'batch', 3], h: state, c: state, lengths: ['batch'] });
    const lowered = lowerRecurrent(graph);
    const type = inferTypes(lowered);
    const shapes = [['time', directions, 'batch', 2], state, state].slice(0, outputCount(layer));
    expect(lowered.outputs.map((o) => type(o.name)?.shape)).toEqual(shapes);
    await expectSame(graph, lowered, tensorsOf(layer));
  });

  // ONNX Runtime's own operator refuses layout 1 and a missing hidden size.
  it.each(sample)(`does batch-first: ${title}`, async (layer) => {
    const batchFirst: TestLayer = { ...layer, layout: 1 };
    const turned = graphOver(tensorsOf(batchFirst), (v: Record<string, Value>) => {
      const timeFirst = { ...v };
      for (const name of ['x', 'h', 'c']) if (v[name]) timeFirst[name] = transpose(v[name], [1, 0, 2]);
      const [y, ...states] = recurrentNode(timeFirst, layer);
      return [transpose(y!, [2, 0, 1, 3]), ...states.map((s) => transpose(s, [1, 0, 2]))];
    });
    await expectSame(turned, lowerRecurrent(layerGraph(batchFirst)), tensorsOf(batchFirst));
  });

  it.each(cellVariants)('does without hidden_size: $variant', async (cell) => {
    const layer = { ...cell, bias: true };
    const unsized = layerGraph({ ...layer, attributes: { ...cell.attributes, hidden_size: undefined } });
    expect(unsized.nodes.some((n) => isRecurrent(n) && n.attributes.hidden_size === undefined)).toBe(true);
    await expectSame(layerGraph(layer), lowerRecurrent(unsized), tensorsOf(layer));
  });

  it.each(directionNames)('gives zeros for an empty sequence and keeps its state: %s', async (direction) => {
    const layer: TestLayer = { op: 'GRU', direction, states: true, lengths: [0, 4] };
    const tensors = tensorsOf(layer);
    const [y, h] = Object.values(await runGraph(lowerRecurrent(layerGraph(layer)), tensors));
    const ofFirst = (t: Tensor) => numbersOf(t).filter((_, i) => Math.floor(i / 2) % 2 === 0);
    expect(ofFirst(y!).every((v) => v === 0)).toBe(true);
    expect(ofFirst(h!)).toEqual(ofFirst(tensors.h!));
    expect(numbersOf(y!).some((v) => v !== 0)).toBe(true);
  });
});

describe('lowering', () => {
  it('keeps the rest of the graph, its names and its parameters', async () => {
    const { x, w, r, b } = tensorsOf({ op: 'LSTM', bias: true });
    const graph = graphOver({ x: x! }, (v, g) => {
      const weights = [g.parameter('W', w!), g.parameter('R', r!), g.parameter('B', b!)];
      g.addNode({
        op: 'LSTM',
        domain: '',
        name: 'layer',
        inputs: [mul(v.x, 2), ...weights].map((value) => value.name),
        // The middle output, the final h, is left out.
        outputs: ['sequence', '', 'cell'],
        attributes: { hidden_size: attribute(2) },
      });
      return [add(g.value('sequence'), 1), g.value('cell')];
    });
    const lowered = lowerRecurrent(graph);
    expect(lowered.outputs).toEqual(graph.outputs);
    expect([...lowered.initializers]).toEqual([...graph.initializers]);
    expect(lowered.nodes.some((n) => n.outputs.includes('sequence'))).toBe(true);
    await expectSame(graph, lowered, { x: x! });
  });

  it('takes layers on top of each other', async () => {
    const above = tensorsOf({ op: 'RNN', direction: 'reverse' });
    const inputs = { ...tensorsOf({ op: 'GRU', hidden: 3 }), w2: above.w!, r2: above.r! };
    const graph = graphOver(inputs, (v: Record<string, Value>) => {
      const [first] = recurrentNode(v, { op: 'GRU', hidden: 3 });
      const next = { x: squeeze(first!, [1]), w: v.w2!, r: v.r2! };
      return recurrentNode(next, { op: 'RNN', direction: 'reverse' });
    });
    await expectSame(graph, lowerRecurrent(graph), inputs);
  });

  it('takes weights that are constants or computed, as exporters leave them', async () => {
    const { x, w, r } = tensorsOf({ op: 'RNN' });
    const graph = graphOver({ x: x! }, (v, g) => {
      g.addNode(constantNode('R', r!));
      const weight = transpose(g.parameter('W', randomTensor([1, 3, 2], 2)), [0, 2, 1]);
      return recurrentNode({ x: v.x, w: weight, r: g.value('R') }, { op: 'RNN' });
    });
    expect(w!.dims).toEqual([1, 2, 3]);
    await expectSame(graph, lowerRecurrent(graph), { x: x! });
  });

  it.each(cellVariants)('takes other element types: $variant', async (layer) => {
    const graph = layerGraph({ ...layer, bias: true, lengths: [4, 3] });
    const tensors = tensorsOf({ ...layer, bias: true, lengths: [4, 3] });
    const inDouble = graphOver(tensors, (v: Record<string, Value>) => {
      const doubles = Object.entries(v).map(([k, value]) => [k, k === 'lengths' ? value : cast(value, 'float64')]);
      return recurrentNode(Object.fromEntries(doubles), { ...layer, bias: true, lengths: [4, 3] }).map((y) =>
        cast(y, 'float32'),
      );
    });
    await expectSame(graph, lowerRecurrent(inDouble), tensors);
  });

  it('leaves a graph without recurrent layers as it is', () => {
    const graph = graphOver({ x: randomTensor([2]) }, (v) => mul(v.x, 2));
    expect(lowerRecurrent(graph)).toBe(graph);
  });

  it('refuses a direction that does not exist, naming the node', () => {
    const graph = layerGraph({ op: 'GRU', attributes: { direction: 'backward', clip: float(1) } });
    expect(() => lowerRecurrent(graph)).toThrow(
      "GRU 'GRU_0' has direction 'backward', expected forward, reverse, bidirectional",
    );
  });
});
