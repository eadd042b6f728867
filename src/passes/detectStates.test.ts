import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { stackedStates } from '../../test/support/stackedStates.ts';
import {
  gruStep,
  head,
  lstmStep,
  pick,
  randomWeights,
  rhnStep,
  rnnStep,
  stack,
  stepModel,
} from '../../test/support/stepCells.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { add, concat, matmul, mul, reshape, sigmoid, slice, unsqueeze } from '../graph/ops.ts';
import { detectStates, findStates } from './detectStates.ts';

describe('detectStates', () => {
  it.each([{ layers: 1 }, { layers: 2 }, { layers: 2, by: 'gather' } as const, { layers: 2, bidirectional: true }])(
    'pairs what goes into the layers with what comes out: %o',
    (options) => {
      expect(detectStates(stackedStates(options).graph)).toEqual([
        { input: 'h', output: 'h_next' },
        { input: 'c', output: 'c_next' },
      ]);
    },
  );

  it('finds none where the final states stay inside, or only come out', () => {
    const { graph } = stackedStates({ layers: 2 });
    expect(detectStates({ ...graph, outputs: graph.outputs.slice(0, 1) })).toEqual([]);
    expect(detectStates({ ...graph, inputs: graph.inputs.slice(0, 1) })).toEqual([]);
  });
});

describe('what looks like a state', () => {
  it('is none in an encoder, whose final states are all that it gives', () => {
    const { graph } = stackedStates({ layers: 1 });
    expect(detectStates({ ...graph, outputs: graph.outputs.slice(1) })).toEqual([]);
  });

  it('is none when the layers come out in another order than they go in', () => {
    const { graph } = stackedStates({ layers: 2 });
    const nodes = graph.nodes.map((n) => (n.op === 'Concat' ? { ...n, inputs: [...n.inputs].reverse() } : n));
    expect(detectStates({ ...graph, nodes })).toEqual([]);
  });
});

const H = 4;
const B = 'batch';

describe('detectStates through cells taken apart', () => {
  const weights = (b: GraphBuilder) => randomWeights(b, 'cell');

  it('pairs h and c of an LSTM cell, in any order', () => {
    const model = stepModel({ c: [B, H], h: [B, H] }, (b, x, [c, h]) => {
      const [hn, cn] = lstmStep(weights(b), x, h!, c!, H, 5);
      return { y: head(b, hn, H), next: { hn, cn } };
    });
    expect(detectStates(model.graph)).toEqual([
      { input: 'c', output: 'cn' },
      { input: 'h', output: 'hn' },
    ]);
  });

  it.each([
    ['GRU', gruStep],
    ['plain', rnnStep],
    ['highway', rhnStep],
  ] as const)('pairs the state of a %s cell', (_, step) => {
    const model = stepModel({ h: [B, H] }, (b, x, [h]) => {
      const next = step(weights(b), x, h!, H, 5);
      return { y: head(b, next, H), next: { h_next: next } };
    });
    expect(detectStates(model.graph)).toEqual([{ input: 'h', output: 'h_next' }]);
  });

  it.each([0, 1, 2])('pairs one tensor that stacks h and c along axis %i', (axis) => {
    const shape = [[2, B, H] as const, [B, 2, H] as const, [B, H, 2] as const][axis]!;
    const model = (order: readonly number[]) =>
      stepModel({ state: shape }, (b, x, [state]) => {
        const next = lstmStep(weights(b), x, pick(state!, 0, axis), pick(state!, 1, axis), H, 5);
        return { y: head(b, next[0], H), next: { state_out: stack([next[order[0]!]!, next[order[1]!]!], axis) } };
      });
    expect(detectStates(model([0, 1]).graph)).toEqual([{ input: 'state', output: 'state_out' }]);
    // What goes in as h would come out as c.
    expect(detectStates(model([1, 0]).graph)).toEqual([]);
  });

  it('pairs a cache whose older steps make room, not the frame that comes in', () => {
    const model = stepModel({ cache: [B, 2, 5] }, (b, x, [cache]) => {
      const all = concat([cache!, unsqueeze(x, [1])], 1);
      const sums = matmul(reshape(all, [-1, 15]), b.parameter('v', randomTensor([15, 3], 1)));
      return { y: sums, next: { cache_out: slice(all, [1], [3], [1]) } };
    });
    expect(detectStates(model.graph)).toEqual([{ input: 'cache', output: 'cache_out' }]);
  });

  it('takes a mask over its input for no state', () => {
    const model = stepModel({ h: [B, H] }, (b, x, [h]) => {
      const next = gruStep(weights(b), x, h!, H, 5);
      const mask = sigmoid(matmul(next, b.parameter('v', randomTensor([H, 5], 2))));
      return { y: add(mul(mask, x), matmul(next, b.parameter('u', randomTensor([H, 5], 3)))), next: { h_next: next } };
    });
    expect(detectStates(model.graph)).toEqual([{ input: 'h', output: 'h_next' }]);
  });

  it('says what is not clear: an input as large as the state', () => {
    const model = stepModel(
      { a: [B, H], c: [B, H] },
      (b, x, [a, c]) => {
        const [out, memory] = lstmStep(weights(b), x, a!, c!, H, H);
        return { y: head(b, out, H), next: { out, memory } };
      },
      { inputs: H },
    );
    expect(findStates(model.graph)).toEqual({
      pairs: [{ input: 'c', output: 'memory' }],
      unclear: [
        { input: 'x', output: 'out' },
        { input: 'a', output: 'out' },
      ],
    });
  });

  it('lets names decide between them', () => {
    const model = stepModel(
      { h: [B, H], c: [B, H] },
      (b, x, [h, c]) => {
        const [hn, cn] = lstmStep(weights(b), x, h!, c!, H, H);
        return { y: head(b, hn, H), next: { hn, cn } };
      },
      { inputs: H },
    );
    expect(detectStates(model.graph)).toHaveLength(2);
  });

  it('finds none in a cell that gives nothing but its states', () => {
    const model = stepModel({ h: [B, H] }, (b, x, [h]) => {
      const next = gruStep(weights(b), x, h!, H, 5);
      return { y: head(b, next, H), next: { h_next: next } };
    });
    const { graph } = model;
    const only = { ...graph, outputs: graph.outputs.slice(1) };
    expect(findStates(only)).toEqual({ pairs: [], unclear: [{ input: 'h', output: 'h_next' }] });
  });
});
