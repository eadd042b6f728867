import { describe, expect, it } from 'vitest';
import { testModel } from '../../test/support/models.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import {
  add,
  concat,
  gather,
  gemm,
  matmul,
  mul,
  reduceMean,
  reshape,
  sigmoid,
  slice,
  softmax,
  split,
  squeeze,
  transpose,
} from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Node, Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import type { AxisComponents, Groups } from './groups.ts';
import { traceGroups } from './trace.ts';

const tensor = (dims: readonly number[]): Tensor => ({
  elementType: 'float32',
  dims,
  data: new Float32Array(dims.reduce((a, d) => a * d, 1)).fill(1),
});

/** One LSTM layer on x [T, B, inputs] from zero states, [T, B, hidden]. */
function layer(b: GraphBuilder, name: string, x: Value, inputs: number, hidden: number): Value {
  const [y] = b.node(
    'LSTM',
    [
      x,
      b.parameter(`${name}.W`, tensor([1, 4 * hidden, inputs])),
      b.parameter(`${name}.R`, tensor([1, 4 * hidden, hidden])),
    ],
    { hidden_size: hidden },
    [`${name}.Y`],
  );
  return squeeze(y!, [1]);
}

const axis = (groups: Groups, name: string, index: number): AxisComponents | undefined =>
  groups.axes.find((a) => a.tensor === name && a.axis === index);

const list = (groups: Groups, name: string, index: number) => {
  const found = axis(groups, name, index);
  return found && [found.role, ...found.components];
};

const units = (groups: Groups) => groups.layers.map((l) => [...l.components]);

describe('traceGroups of a stacked language model', () => {
  const model = languageModel({ vocabulary: 7, embedding: 5, hidden: [2, 3], keep: 0.5 });
  const groups = traceGroups(model.graph, { states: statesOf(model) });

  it('finds one component per hidden unit', () => {
    expect(groups.count).toBe(5);
    expect(units(groups)).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(groups.layers.map((l) => l.operator)).toEqual(['LSTM', 'LSTM']);
  });

  it('lists every tensor that a unit has a part in, and no other', () => {
    expect(list(groups, 'lstm_0.weight', 1)).toEqual(['produces', 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(list(groups, 'lstm_0.recurrent', 1)).toEqual(['produces', 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(list(groups, 'lstm_0.recurrent', 2)).toEqual(['reads', 0, 1]);
    expect(list(groups, 'lstm_0.bias', 1)).toEqual(['bias', 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(list(groups, 'lstm_1.weight', 2)).toEqual(['reads', 0, 1]);
    expect(list(groups, 'head.weight', 0)).toEqual(['reads', 2, 3, 4]);
    expect(list(groups, 'lstm_1.c', 2)).toEqual(['produces', 2, 3, 4]);
    expect(axis(groups, 'lstm_0.weight', 2)).toBeUndefined();
    expect(axis(groups, 'head.weight', 1)).toBeUndefined();
    expect(groups.axes.some((a) => a.tensor === 'embedding' || a.tensor === 'head.bias')).toBe(false);
    // Four tensors of each layer's parameters with five axes, the constant second bias, two states, and the readers.
    expect(groups.axes).toHaveLength(2 * (4 + 1 + 2) + 2);
  });

  it('makes embedding columns components when asked', () => {
    const all = traceGroups(model.graph, { states: statesOf(model), embeddings: true });
    expect(all.count).toBe(10);
    expect(all.layers[2]).toMatchObject({ operator: 'Gather', components: Int32Array.of(5, 6, 7, 8, 9) });
    expect(list(all, 'embedding', 1)).toEqual(['produces', 5, 6, 7, 8, 9]);
    expect(list(all, 'lstm_0.weight', 2)).toEqual(['reads', 5, 6, 7, 8, 9]);
  });

  it('keeps units that leave the graph through an output that is no state', () => {
    const open = traceGroups(model.graph);
    expect(units(open)).toEqual([
      [-1, -1],
      [-1, -1, -1],
    ]);
    expect(open).toMatchObject({ count: 0, axes: [] });
  });

  it('keeps layers of equal size apart though they share a constant', () => {
    const equal = languageModel({ vocabulary: 7, embedding: 3, hidden: [3, 3] });
    const found = traceGroups(equal.graph, { states: statesOf(equal) });
    expect(units(found)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
  });
});

describe('traceGroups of other layouts', () => {
  const features = (b: GraphBuilder, size = 4) => b.input('x', 'float32', ['time', 'batch', size]);

  it('makes unit k of both directions one component, in two layers', () => {
    const model = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 2, direction: 'bidirectional' }] });
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    expect(groups.layers.map((l) => l.name)).toEqual(['lstm_0 (forward)', 'lstm_0 (reverse)']);
    expect(units(groups)).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(list(groups, 'head.weight', 0)).toEqual(['reads', 0, 1, 0, 1]);
  });

  it('keeps two nodes apart that are concatenated, sliced and split again', () => {
    const b = new GraphBuilder('g');
    const x = features(b);
    const both = concat([layer(b, 'a', x, 4, 2), layer(b, 'b', x, 4, 3)], 2);
    const [first, second] = split(both, [2, 3], 2);
    b.output(matmul(first!, b.parameter('u', tensor([2, 1]))));
    b.output(matmul(second!, b.parameter('v', tensor([3, 1]))));
    b.output(matmul(slice(both, [1], [4], [2]), b.parameter('w', tensor([3, 1]))));
    b.output(matmul(gather(both, b.ints([4, 0]), 2), b.parameter('z', tensor([2, 1]))));
    const groups = traceGroups(b.build());
    expect(units(groups)).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    expect(list(groups, 'u', 0)).toEqual(['reads', 0, 1]);
    expect(list(groups, 'v', 0)).toEqual(['reads', 2, 3, 4]);
    expect(list(groups, 'w', 0)).toEqual(['reads', 1, 2, 3]);
    expect(list(groups, 'z', 0)).toEqual(['reads', 4, 0]);
  });

  it('unites the layers of a residual connection, and the embedding with them', () => {
    const b = new GraphBuilder('g');
    const x = gather(b.parameter('table', tensor([6, 3])), b.input('i', 'int32', ['time', 'batch']));
    const y = add(x, layer(b, 'a', x, 3, 3));
    b.output(matmul(add(y, layer(b, 'b', y, 3, 3)), b.parameter('w', tensor([3, 2]))));
    const groups = traceGroups(b.build());
    expect(units(groups)).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    expect(list(groups, 'table', 1)).toEqual(['produces', 0, 1, 2]);
    expect(list(groups, 'a.W', 2)).toEqual(['reads', 0, 1, 2]);
  });

  it('reads tied weights in a transposed Gemm, and finds the bias there', () => {
    const b = new GraphBuilder('g');
    const h = layer(b, 'a', features(b), 4, 3);
    const rows = reshape(h, [-1, 3]);
    const made = gemm(rows, b.parameter('w', tensor([2, 3])), b.parameter('c', tensor([2])), { transB: true });
    b.output(made);
    const groups = traceGroups(b.build());
    expect(list(groups, 'w', 1)).toEqual(['reads', 0, 1, 2]);
    expect(axis(groups, 'w', 0)).toBeUndefined();
  });

  it('does not merge units through a scalar, a mask or a gate of one channel', () => {
    const b = new GraphBuilder('g');
    const h = layer(b, 'a', features(b), 4, 3);
    const gate = sigmoid(matmul(h, b.parameter('g', tensor([3, 1]))));
    const masked = mul(mul(h, 0.5), b.input('mask', 'float32', ['time', 'batch', 1]));
    b.output(matmul(mul(gate, masked), b.parameter('w', tensor([3, 2]))));
    expect(units(traceGroups(b.build()))).toEqual([[0, 1, 2]]);
  });

  it('follows weights that are computed from others', () => {
    const b = new GraphBuilder('g');
    const x = features(b);
    const parts = [b.parameter('w0', tensor([1, 8, 1])), b.parameter('w1', tensor([1, 8, 3]))];
    const recurrent = transpose(b.parameter('r', tensor([1, 2, 8])), [0, 2, 1]);
    const [y] = b.node('LSTM', [x, concat(parts, 2), recurrent], { hidden_size: 2 });
    b.output(matmul(squeeze(y!, [1]), b.parameter('w', tensor([2, 2]))));
    const groups = traceGroups(b.build());
    expect(units(groups)).toEqual([[0, 1]]);
    expect(list(groups, 'r', 1)).toEqual(['reads', 0, 1]);
    expect(list(groups, 'r', 2)).toEqual(['produces', 0, 1, 0, 1, 0, 1, 0, 1]);
    expect(list(groups, 'w0', 1)).toEqual(['produces', 0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it('lets units go with loss only that a softmax or a mean runs over, and those beside it freely', () => {
    const over = new GraphBuilder('g');
    const h = layer(over, 'a', features(over), 4, 3);
    over.output(reduceMean(softmax(h, -1), [2]));
    const mixed = traceGroups(over.build());
    expect(units(mixed)).toEqual([[0, 1, 2]]);
    expect([...mixed.entangled.keys()]).toEqual([0, 1, 2]);
    expect(mixed.entangled.get(0)).toMatch(/Softmax 'Softmax_0'/);

    const beside = new GraphBuilder('g');
    const mean = reduceMean(layer(beside, 'a', features(beside), 4, 3), [0]);
    beside.output(matmul(mean, beside.parameter('w', tensor([3, 2]))));
    const groups = traceGroups(beside.build());
    expect(units(groups)).toEqual([[0, 1, 2]]);
    expect(list(groups, 'w', 0)).toEqual(['reads', 0, 1, 2]);
    expect(groups.entangled.size).toBe(0);
  });

  it('lets units go with loss only that a product of two activations sums over', () => {
    const b = new GraphBuilder('g');
    const h = layer(b, 'a', features(b), 4, 3);
    b.output(matmul(h, transpose(h, [0, 2, 1])));
    expect([...traceGroups(b.build()).entangled.keys()]).toEqual([0, 1, 2]);
  });

  it('unites units that share a column of heads', () => {
    const b = new GraphBuilder('g');
    const heads = reshape(layer(b, 'a', features(b), 4, 6), [0, 0, 2, -1]);
    b.output(matmul(heads, b.parameter('w', tensor([3, 2]))));
    expect(units(traceGroups(b.build()))).toEqual([[0, 1, 2, 0, 1, 2]]);
  });
});

describe('what the trace refuses', () => {
  const blend = (input: string): Node => ({
    op: 'Blend',
    domain: 'our.own',
    name: 'blend_0',
    inputs: [input],
    outputs: ['blended'],
    attributes: {},
  });

  /** Two layers, the first before an operator that nobody knows. */
  const blocked = () => {
    const b = new GraphBuilder('g');
    b.addNode(blend(layer(b, 'a', b.input('x', 'float32', ['time', 'batch', 4]), 4, 3).name));
    const h = layer(b, 'b', b.value('blended'), 3, 2);
    b.output(matmul(h, b.parameter('w', tensor([2, 2]))));
    return b.build();
  };

  it('names the operator and the layers that it stops, and how to go on', () => {
    expect(() => traceGroups(blocked())).toThrow(
      /units of 'LSTM_0' through our\.own\.Blend 'blend_0': .*keep all their units \(--fix 'LSTM_0'\)/,
    );
  });

  it('follows the other layers when that one is fixed', () => {
    const groups = traceGroups(blocked(), { fix: ['LSTM_0'] });
    expect(units(groups)).toEqual([
      [-1, -1, -1],
      [0, 1],
    ]);
    expect(() => traceGroups(blocked(), { fix: ['LSTM_5'] })).toThrow(/there is no layer 'LSTM_5' \(did you mean/);
  });

  it('says in the groups what is blocked, when asked to go on', () => {
    const { layers } = traceGroups(blocked(), { tolerant: true });
    expect(layers.map((l) => l.blocked)).toEqual([expect.stringContaining("our.own.Blend 'blend_0'"), undefined]);
  });

  it('lets unknown operators be where no units pass', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', 4]);
    const [padded] = b.node('Pad', [x, b.ints([0, 0, 0, 0, 0, 0])]);
    const h = layer(b, 'a', padded!, 4, 3);
    b.output(matmul(h, b.parameter('w', tensor([3, 2]))));
    expect(units(traceGroups(b.build()))).toEqual([[0, 1, 2]]);
  });
});
