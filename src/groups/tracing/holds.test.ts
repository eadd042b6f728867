import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { testModel } from '../../../test/support/models.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { apply, matmul, squeeze } from '../../graph/ops.ts';
import { traceGroups } from '../trace.ts';
import { Holds } from './holds.ts';

describe('what holds channels', () => {
  it('is known of all that are tied to them, inputs and outputs before operators', () => {
    const holds = new Holds();
    for (let id = 1; id < 8; id++) holds.add();
    holds.tie(1, 2);
    holds.tie(2, 3);
    holds.hold(3, "Reshape 'r'");
    expect(holds.of([1])).toEqual(["Reshape 'r'"]);
    holds.hold(1, "output 'y'");
    holds.hold(5, "input 'x'");
    expect(holds.of([2, 3])).toEqual(["output 'y'"]);
    expect(holds.of([4])).toEqual([]);
    expect(holds.of([5, 1])).toEqual(["output 'y'", "input 'x'"]);
    expect(holds.of([0])).toEqual([]);
  });

  it('is said of each layer by itself', () => {
    const model = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 4, direction: 'forward' }] });
    expect(traceGroups(model.graph).layers.map((l) => l.heldBy)).not.toContainEqual(["output 'logits'"]);
    // Two layers, one behind the other: the first is free, the second is what comes out.
    const b = new GraphBuilder('held');
    const layer = (name: string, from: ReturnType<typeof squeeze>, size: number) => {
      const weights = [
        b.parameter(`${name}.W`, randomTensor([1, 16, size], 1)),
        b.parameter(`${name}.R`, randomTensor([1, 16, 4], 2)),
      ];
      return squeeze(b.node('LSTM', [from, ...weights], { hidden_size: 4 }, 1, '', name)[0]!, [1]);
    };
    const first = layer('first', b.input('x', 'float32', ['time', 'batch', 3]), 3);
    b.output(layer('second', first, 4), 'y');
    expect(traceGroups(b.build()).layers.map((l) => [l.name, l.heldBy])).toEqual([
      ['first', []],
      ['second', ["output 'y'"]],
    ]);
  });

  it('is the input that an initial state is, and the operator that makes the weights where nobody follows it', () => {
    const b = new GraphBuilder('held');
    const x = b.input('x', 'float32', ['time', 'batch', 3]);
    const h0 = b.input('h0', 'float32', ['batch', 4]);
    const state = apply('Unsqueeze', [h0, b.ints([0])]);
    const weights = [b.parameter('W', randomTensor([1, 4, 3], 1)), b.parameter('R', randomTensor([1, 4, 4], 2))];
    const y = b.node('RNN', [x, ...weights, undefined, undefined, state], { hidden_size: 4 }, 1, '', 'rnn')[0]!;
    b.output(matmul(squeeze(y, [1]), b.parameter('V', randomTensor([4, 2], 3))), 'y');
    expect(traceGroups(b.build()).layers[0]!.heldBy).toEqual(["input 'h0'"]);
  });
});
