import { describe, expect, it } from 'vitest';
import { either, largestDifference, numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { equal, gather, identity, matmul, shapeOf, squeeze, unsqueeze } from '../graph/ops.ts';
import { traceModel } from '../groups/traceModel.ts';
import { decideByRank } from './decideByRank.ts';
import { simplify } from './simplify.ts';

/** x [batch, 3, steps] without its last axis where that has one entry, as PyTorch's `squeeze` does it. */
function squeezed(b: GraphBuilder): Value {
  const x = b.input('x', 'float32', ['batch', 3, 'steps']);
  const isOne = equal(gather(shapeOf(x), b.constant(int64s([], [2]))), b.constant(int64s([], [1])));
  return either(isOne, [(_, of) => squeeze(of(x), [2]), (_, of) => identity(of(x))])[0]!;
}

describe('decideByRank', () => {
  it('takes the branch that a recurrent operator behind it needs', async () => {
    const b = new GraphBuilder('g');
    const weights = [b.parameter('W', randomTensor([1, 8, 3], 1)), b.parameter('R', randomTensor([1, 8, 2], 2))];
    const [y] = b.node('LSTM', [unsqueeze(squeezed(b), [0]), ...weights], { hidden_size: 2 });
    b.output(matmul(squeeze(y!, [1]), b.parameter('V', randomTensor([2, 2], 3))));
    const model = modelOf(b.build());
    const decided = decideByRank(simplify(model));
    expect(decided.graph.nodes.some((n) => n.op === 'If')).toBe(false);
    expect([...traceModel(model).groups.layers[0]!.components]).toEqual([0, 1]);
    const x = randomTensor([4, 3, 1], 4);
    const [before, after] = [await runGraph(model.graph, { x }), await runGraph(decided.graph, { x })];
    for (const [name, value] of Object.entries(before)) {
      expect(largestDifference(numbersOf(value), numbersOf(after[name]!))).toBe(0);
    }
  });

  it('leaves a branch of which both sides run', () => {
    const b = new GraphBuilder('g');
    b.output(identity(squeezed(b)));
    const simple = simplify(modelOf(b.build()));
    expect(decideByRank(simple)).toBe(simple);
  });
});
