import { describe, expect, it } from 'vitest';
import { loop, randomTensor } from '../../test/support/graphs.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, apply, concat, matmul, reduceMean, reshape, split, squeeze, tanh, unsqueeze } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertStreams } from '../verify/assertStreams.ts';
import { streamingModel } from './streaming.ts';

const H = 3;

/** x [time, batch, 2] → two layers of this operator → what `end` makes of [time, batch, 3]. */
function sequenceModel(op: 'LSTM' | 'GRU', end: (h: Value) => Value, direction = 'forward'): Model {
  const b = new GraphBuilder('sequence');
  const gates = op === 'LSTM' ? 4 : 3;
  let x: Value = b.input('x', 'float32', ['time', 'batch', 2]);
  for (const i of [0, 1]) {
    const weight = (name: string, dims: number[]) => b.parameter(`l${i}.${name}`, randomTensor(dims, i + dims.length));
    const inputs = [x, weight('W', [1, gates * H, i === 0 ? 2 : H]), weight('R', [1, gates * H, H])];
    const batch = apply('Gather', [apply('Shape', [x]), b.ints([1])], { axis: 0 });
    const zeros = apply('ConstantOfShape', [concat([b.ints([1]), batch, b.ints([H])], 0)]);
    if (i === 1) inputs.push(weight('B', [1, 2 * gates * H]), ...([undefined, zeros] as unknown as Value[]));
    x = squeeze(b.node(op, inputs, { hidden_size: H, direction }, [`y${i}`, `y${i}_h`], '', `layer${i}`)[0]!, [1]);
  }
  b.output(end(x), 'logits');
  return modelOf(b.build());
}

const head = (h: Value) => matmul(h, h.builder.parameter('head', randomTensor([H, 4], 9)));

describe('streamingModel', () => {
  it.each(['LSTM', 'GRU'] as const)(
    'gives %s layers their states as inputs and outputs, proved in pieces',
    async (op) => {
      const model = sequenceModel(op, head);
      const streaming = streamingModel(model);
      const states = op === 'LSTM' ? ['h', 'c'] : ['h'];
      const expected = ['layer0', 'layer1'].flatMap((l) =>
        states.map((s) => ({ input: `${l}.${s}`, output: `${l}.${s}_next` })),
      );
      expect(streaming.added).toEqual(expected);
      expect(statesOf(streaming.model)).toEqual(expected);
      expect(streaming.model.graph.inputs.map((v) => v.name)).toEqual(['x', ...expected.map((p) => p.input)]);
      expect(streaming.model.graph.inputs[1]!.type.shape).toEqual([1, 'batch', H]);
      expect((await assertStreams(nodeRuntime, model, streaming)).maxRelativeDifference).toBeLessThan(1e-6);
    },
  );

  it('serves a head on the last step', async () => {
    const model = sequenceModel('LSTM', (h) => head(apply('Gather', [h, h.builder.ints([-1])], { axis: 0 })));
    await assertStreams(nodeRuntime, model, streamingModel(model));
  });

  it('serves a loop that an exporter wrote out', async () => {
    const b = new GraphBuilder('written out');
    const x = b.input('x', 'float32', ['time', 'batch', H]);
    const w = b.parameter('w', randomTensor([H, H], 3));
    const zeros = apply('Expand', [
      b.float(0),
      apply('Concat', [apply('Gather', [apply('Shape', [x]), b.ints([1])], { axis: 0 }), b.ints([H])], { axis: 0 }),
    ]);
    const [, y] = loop([zeros], [x], ([h], [xt]) => {
      const next = tanh(add(matmul(h!, w), xt!));
      return [next, next];
    });
    b.output(y!, 'y');
    const model = modelOf(b.build());
    const streaming = streamingModel(model);
    expect(streaming.added).toHaveLength(1);
    await assertStreams(nodeRuntime, model, streaming);
  });

  it.each([
    ['as they are', [1, 'batch', H], (h: Value) => [h]],
    ['without their first axis', ['batch', H], (h: Value) => [unsqueeze(h, [0])]],
    ['of two layers in one', [2, 'batch', H], (h: Value) => split(h, 2, 0)],
  ] as const)('gives out states that come in only, %s', async (_, shape, parts) => {
    const b = new GraphBuilder('in only');
    let x: Value = b.input('x', 'float32', ['time', 'batch', H]);
    const [hs, cs] = ['h0', 'c0'].map((name) => parts(b.input(name, 'float32', shape)));
    for (const [i, h] of hs!.entries()) {
      const weight = (name: string, dims: number[]) => b.parameter(`l${i}.${name}`, randomTensor(dims, i + 1));
      const inputs = [x, weight('W', [1, 4 * H, H]), weight('R', [1, 4 * H, H]), undefined, undefined, h, cs![i]];
      x = squeeze(b.node('LSTM', inputs, { hidden_size: H }, 1, '', `layer${i}`)[0]!, [1]);
    }
    b.output(head(x), 'logits');
    const model = modelOf(b.build());
    const streaming = streamingModel(model);
    expect(streaming.added).toEqual([
      { input: 'h0', output: 'h0_next' },
      { input: 'c0', output: 'c0_next' },
    ]);
    expect(streaming.model.graph.outputs.at(-1)).toEqual({
      name: 'c0_next',
      type: { elementType: 'float32', shape },
    });
    await assertStreams(nodeRuntime, model, streaming);
  });

  it('refuses initial states that are computed from an input', () => {
    const b = new GraphBuilder('from a speaker');
    const x = b.input('x', 'float32', ['time', 'batch', H]);
    const weight = (dims: number[]) => b.parameter(b.fresh('w'), randomTensor(dims, 1));
    const speaker = tanh(b.input('speaker', 'float32', [1, 'batch', H]));
    const inputs = [x, weight([1, 3 * H, H]), weight([1, 3 * H, H]), undefined, undefined, speaker];
    b.output(head(b.node('GRU', inputs, { hidden_size: H }, 1, '', 'layer')[0]!), 'logits');
    expect(() => streamingModel(modelOf(b.build()))).toThrow(/layer 'layer' starts from '.*', not from zeros/);
  });

  it('refuses a model whose head looks across time, once it has seen that', async () => {
    const model = sequenceModel('LSTM', (h) => head(reduceMean(h, [0])));
    await expect(assertStreams(nodeRuntime, model, streamingModel(model))).rejects.toThrow(
      /cannot stream: .* output 'logits' differs by .* looks across time/,
    );
  });

  it('sees a look ahead by one step, which only the end of the first piece shows', async () => {
    const model = sequenceModel('GRU', (h) => {
      const b = h.builder;
      const inner = apply('Transpose', [h], { perm: [1, 2, 0] });
      return apply('Conv', [inner, b.parameter('k', randomTensor([4, H, 2], 7))], { kernel_shape: [2], pads: [0, 1] });
    });
    await expect(assertStreams(nodeRuntime, model, streamingModel(model))).rejects.toThrow(/looks across time/);
  });

  it('serves outputs that lay time steps and examples side by side', async () => {
    const model = sequenceModel('LSTM', (h) => head(reshape(h, [-1, H])));
    await assertStreams(nodeRuntime, model, streamingModel(model));
  });

  it('refuses what needs the whole sequence, and what streams already', () => {
    expect(() => streamingModel(sequenceModel('LSTM', head, 'reverse'))).toThrow(
      /'layer0' reads the sequence backwards/,
    );
    const { model } = streamingModel(sequenceModel('GRU', head));
    expect(() => streamingModel(model)).toThrow(/its states are inputs and outputs already/);
  });
});
