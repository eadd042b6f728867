import { describe, expect, it } from 'vitest';
import { largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import {
  cellVariants,
  directionNames,
  directionsOf,
  gates,
  outputCount,
  recurrentNode,
  type TestLayer,
  tensorsOf,
} from '../../test/support/recurrentLayers.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { matmul, reshape, squeeze, transpose } from '../graph/ops.ts';
import { stateMetadata, statesOf } from '../graph/states.ts';
import type { Graph, Model, Tensor, ValueInfo } from '../graph/types.ts';
import { groupSizes } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { shrinkZeros } from '../slim/shrink.ts';

const HIDDEN = 3;
const CLASSES = 2;

/**
 * x → the layer → a linear head on both directions side by side. Weights, biases, peepholes are parameters; initial
 * states too (a learned state, one for all examples), or they are streamed.
 */
function layerModel(layer: TestLayer, states: 'none' | 'learned' | 'streamed'): Model {
  const b = new GraphBuilder('g');
  const batch = states === 'learned' ? 1 : 2;
  const tensors = tensorsOf({ ...layer, batch, lengths: layer.lengths?.slice(0, batch), states: states !== 'none' });
  const values: Record<string, Value> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const streamed = states === 'streamed' && (name === 'h' || name === 'c');
    const given = ['x', 'lengths'].includes(name) || streamed;
    values[name] = given ? b.input(name, tensor.elementType, tensor.dims) : b.parameter(name, tensor);
  }
  const [y, ...finals] = recurrentNode(values, layer);
  const directions = directionsOf(layer);
  // Y to [T, B, D, H]; batch-first [B, T, D, H] as it is.
  const last = layer.layout === 1 ? y! : transpose(y!, [0, 2, 1, 3]);
  const joined = directions === 2 ? reshape(last, [0, 0, -1]) : squeeze(last, [2]);
  b.output(matmul(joined, b.parameter('head', randomTensor([directions * HIDDEN, CLASSES], 9))), 'logits');
  if (states !== 'streamed') return modelOf(b.build());
  for (const final of finals) b.output(final);
  const pairs = finals.map((final, i) => ({ input: ['h', 'c'][i]!, output: final.name }));
  return modelOf(b.build(), stateMetadata(pairs));
}

const inputs: readonly (Partial<TestLayer> & { readonly from: 'none' | 'learned' | 'streamed' })[] = [
  { from: 'none', bias: true },
  { from: 'streamed', bias: true },
  { from: 'learned', bias: true, lengths: [3, 2] },
  { from: 'streamed', layout: 1, lengths: [1, 3] },
  { from: 'none', bias: true, layout: 1 },
];
const layers = cellVariants.flatMap((cell, i) =>
  directionNames.flatMap((direction, j) =>
    [0, 1, 2].map((k) => ({
      ...cell,
      direction,
      hidden: HIDDEN,
      time: 3,
      ...inputs[(i + j + 2 * k) % inputs.length]!,
    })),
  ),
);
const title = '$variant, $direction, $from states, lengths $lengths, layout $layout';

describe('the units of a recurrent operator', () => {
  it.each(layers)(`are all found, with all that belongs to them: ${title}`, (layer) => {
    const model = layerModel(layer, layer.from);
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    const directions = directionsOf(layer);
    expect(groups.layers.map((l) => [l.operator, ...l.components])).toEqual(
      Array.from({ length: directions }, () => [layer.op, 0, 1, 2]),
    );
    expect(groups.count).toBe(HIDDEN);
    // A row of W and R and a column of R for each gate, a row of the head; both directions of unit k are one component.
    const size = directions * (gates[layer.op] * (3 + 2 * HIDDEN) + CLASSES);
    expect([...groupSizes(groups, model.graph)]).toEqual([size, size, size]);
    const found = new Set(groups.axes.map((a) => `${a.tensor} ${a.axis} ${a.role}`));
    const expected = ['w 1 produces', 'r 1 produces', 'r 2 reads', 'head 0 reads'];
    if (layer.bias) expected.push('b 1 bias');
    if (layer.peepholes) expected.push('p 1 bias');
    const role = layer.from === 'learned' ? 'bias' : 'produces';
    for (const state of ['h', 'c'].slice(0, outputCount(layer) - 1)) {
      if (layer.from !== 'none') expected.push(`${state} 2 ${role}`);
    }
    expect([...found].sort()).toEqual(expected.sort());
  });

  it.each(cellVariants)('are found in half precision: $variant', (cell) => {
    const model = layerModel({ ...cell, hidden: HIDDEN, bias: true, lengths: [3, 1] }, 'none');
    const groups = traceGroups(inHalf(model.graph));
    expect(groups.layers.map((l) => [...l.components])).toEqual([[0, 1, 2]]);
  });

  it.each(layers)(`leave when nothing reads them, and nothing changes: ${title}`, async (layer) => {
    const model = layerModel(layer, layer.from);
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, new Set([1]), ['reads']) };
    const slim = shrinkZeros(sparse).model;
    expect(slim.graph.initializers.get('r')!.dims).toEqual([directionsOf(layer), gates[layer.op] * 2, 2]);
    const [expected, got] = [await logits(sparse), await logits(slim)];
    expect(largestDifference(got, expected)).toBeLessThan(1e-6);
  });
});

/** What a model gives out for fixed random data, from zero states. */
async function logits({ graph }: Model): Promise<number[]> {
  const feeds = graph.inputs.map(({ name, type }): [string, Tensor] => {
    const dims = type.shape as number[];
    if (name === 'lengths') return [name, { elementType: 'int32', dims, data: Int32Array.of(3, 2).slice(0, dims[0]) }];
    return [name, randomTensor(dims, 1, name === 'x' ? 1 : 0)];
  });
  // ONNX Runtime has no batch-first operators.
  const outputs = await runGraph(lowerRecurrent(graph), Object.fromEntries(feeds));
  return numbersOf(outputs.logits!);
}

/** The same graph over float16 zeros. */
function inHalf(graph: Graph): Graph {
  const initializers = new Map<string, Tensor>();
  for (const [name, { dims, data }] of graph.initializers) {
    initializers.set(name, { elementType: 'float16', dims, data: new Uint16Array(data.length) });
  }
  const half = <V extends ValueInfo>(v: V): V =>
    v.type.elementType === 'float32' ? { ...v, type: { ...v.type, elementType: 'float16' } } : v;
  return { ...graph, initializers, inputs: graph.inputs.map(half), outputs: graph.outputs.map(half) };
}
