import { describe, expect, it } from 'vitest';
import { stackedStates } from '../../test/support/stackedStates.ts';
import { detectStates } from './detectStates.ts';

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
