import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { cast, concat, matmul, reshape, slice, squeeze, transpose } from '../../graph/ops.ts';
import type { Model, Node, Tensor } from '../../graph/types.ts';
import { type FinetuneSettings, finetune } from '../../runs/finetune.ts';
import { nodeRuntime } from '../../runtime/node.ts';

/*
 * Graphs as exporters leave them: layers in functions, pads that are computed, operators that nobody knows.
 */

const [N, T, I, H, O] = [6, 5, 3, 4, 2];
const data = new Map<string, Tensor>([
  ['x', randomTensor([N, T, I], 1)],
  ['t', randomTensor([N, T, O], 2)],
]);
const settings = { loss: 'mse', targetArray: 't', epochs: 2, batch: 3, threads: 1 } as const;
const tuned = (model: Model, more: Partial<FinetuneSettings> = {}) =>
  finetune(model, { train: data }, { ...settings, ...more }, { runtime: nodeRuntime });

/** x [batch, time, I] → y [batch, time, O] through an LSTM. */
function sequenceModel(before: (x: Value, b: GraphBuilder) => Value = (x) => x): Model {
  const b = new GraphBuilder('g');
  const x = before(b.input('x', 'float32', ['batch', T, I]), b);
  const weights = [
    [1, 4 * H, I],
    [1, 4 * H, H],
    [1, 8 * H],
  ].map((dims, i) => b.parameter(`w${i}`, randomTensor(dims, 3 + i)));
  const [y] = b.node('LSTM', [transpose(x, [1, 0, 2]), ...weights], { hidden_size: H }, 1, '', 'lstm');
  const out = matmul(squeeze(y!, [1]), b.parameter('head', randomTensor([H, O], 9)));
  b.output(transpose(out, [1, 0, 2]), 'y');
  return modelOf(b.build());
}

/** The same with its LSTM in a function of the model's own. */
function inFunction(model: Model): Model {
  const lstm = model.graph.nodes.find((n) => n.op === 'LSTM')!;
  const [x, ...weights] = lstm.inputs;
  const inside: Node = { ...lstm, inputs: ['x', ...weights.map((_, i) => `w${i}`)], outputs: ['y'] };
  const call: Node = {
    ...lstm,
    op: 'Layer',
    domain: 'mine',
    inputs: [x!, ...weights],
    outputs: lstm.outputs,
    attributes: {},
  };
  const f = { domain: 'mine', name: 'Layer', inputs: inside.inputs, outputs: ['y'], attributes: [], defaults: {} };
  const nodes = model.graph.nodes.map((n) => (n === lstm ? call : n));
  return {
    ...model,
    graph: { ...model.graph, nodes },
    opsets: { ...model.opsets, mine: 1 },
    functions: [{ ...f, nodes: [inside], opsets: { '': 17 } }],
  };
}

describe('finetune', () => {
  it('trains a layer in a function as it trains the layer itself', async () => {
    const flat = sequenceModel();
    const [expected, got] = [await tuned(flat), await tuned(inFunction(flat))];
    expect(got.model.graph.initializers).toEqual(expected.model.graph.initializers);
    expect(got.model.graph.initializers.get('w1')).not.toEqual(flat.graph.initializers.get('w1'));
  });

  it.each([{}, { iss: 0.001 }])('follows sizes behind pads that are computed from constants: %j', async (more) => {
    const padded = sequenceModel((x, b) => {
      // [0, 0, 1, 0, 0, 0] by way of a matrix, as PyTorch's exporter spells F.pad(x, (1, 0)).
      const rest = b.node('ConstantOfShape', [b.ints([4])], { value: { type: 'tensor', value: int64s([1], [0]) } })[0]!;
      const pairs = slice(reshape(concat([b.ints([1, 0]), rest], 0), [-1, 2]), [-1], [-(2 ** 31)], [0], [-1]);
      const pads = cast(reshape(transpose(pairs, [1, 0]), [-1]), 'int64');
      const wide = b.node('Pad', [transpose(x, [0, 2, 1]), pads])[0]!;
      const kernel = b.parameter('kernel', randomTensor([I, I, 2], 12));
      return transpose(b.node('Conv', [wide, kernel])[0]!, [0, 2, 1]);
    });
    const { model } = await tuned(padded, more);
    expect(model.graph.initializers.get('kernel')).not.toEqual(padded.graph.initializers.get('kernel'));
  });

  it('names the operator behind which nothing is known', async () => {
    const model = sequenceModel();
    const gelu: Node = { op: 'Gelu', domain: 'com.microsoft', name: '', inputs: ['z'], outputs: ['y'], attributes: {} };
    const nodes = model.graph.nodes.map((n) => (n.outputs[0] === 'y' ? { ...n, outputs: ['z'] } : n));
    await expect(tuned({ ...model, graph: { ...model.graph, nodes: [...nodes, gelu] } })).rejects.toThrow(
      /com\.microsoft\.Gelu 'y' cannot be trained through/,
    );
  });
});
