import { describe, expect, it } from 'vitest';
import { numbersOf, runGraph } from '../../test/support/graphs.ts';
import { windowProblem } from '../../test/support/windows.ts';
import { UsageError } from '../base/errors.ts';
import { modelOf } from '../graph/model.ts';
import { statesOf } from '../graph/states.ts';
import type { Tensor } from '../graph/types.ts';
import { groupSizes } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import { cellNames } from '../nn/layers.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { trainingGraph } from '../train/compile.ts';
import { LOGITS, languageModel, TOKENS } from './languageModel.ts';

const sizes = { vocabulary: 7, embedding: 5, hidden: [2, 3] };
const gates = { lstm: 4, gru: 3, rnn: 1 };

describe.each(cellNames)('a language model of %s layers', (cell) => {
  const model = languageModel({ ...sizes, cell, initScale: 0.5 });
  const dims = Object.fromEntries([...model.graph.initializers].map(([name, t]) => [name, t.dims]));
  const states = cell === 'lstm' ? ['h', 'c'] : ['h'];

  it('has the parameters of each layer under the names of the cell', () => {
    const layer = (i: number, inputs: number, hidden: number) => ({
      [`${cell}_${i}.weight`]: [1, gates[cell] * hidden, inputs],
      [`${cell}_${i}.recurrent`]: [1, gates[cell] * hidden, hidden],
      [`${cell}_${i}.bias`]: [1, gates[cell] * hidden],
      ...(cell === 'gru' && { [`${cell}_${i}.recurrent_bias`]: [1, hidden] }),
    });
    expect(dims).toEqual({
      embedding: [7, 5],
      ...layer(0, 5, 2),
      ...layer(1, 2, 3),
      'head.weight': [3, 7],
      'head.bias': [7],
    });
  });

  it('streams the states of each layer', () => {
    const expected = [0, 1].flatMap((i) =>
      states.map((s) => ({ input: `${cell}_${i}.${s}`, output: `${cell}_${i}.${s}_next` })),
    );
    expect(statesOf(model)).toEqual(expected);
  });

  it('computes the same in one window as in two with the state carried', async () => {
    const zero = (name: string): [string, Tensor] => {
      const hidden = sizes.hidden[Number(name.split(/[_.]/)[1])]!;
      return [name, { elementType: 'float32', dims: [1, 2, hidden], data: new Float32Array(2 * hidden) }];
    };
    const tokens = (from: number, to: number): Tensor => {
      const data = Int32Array.of(0, 6, 1, 3, 2, 2, 5, 4).slice(2 * from, 2 * to);
      return { elementType: 'int32', dims: [to - from, 2], data };
    };
    const start = Object.fromEntries(statesOf(model).map((s) => zero(s.input)));
    const whole = await runGraph(model.graph, { ...start, [TOKENS]: tokens(0, 4) });
    const first = await runGraph(model.graph, { ...start, [TOKENS]: tokens(0, 2) });
    const carried = Object.fromEntries(statesOf(model).map((s) => [s.input, first[s.output]!]));
    const second = await runGraph(model.graph, { ...carried, [TOKENS]: tokens(2, 4) });
    const expected = numbersOf(whole[LOGITS]!);
    [...numbersOf(first[LOGITS]!), ...numbersOf(second[LOGITS]!)].forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 5);
    });
  });

  it('has a component for each unit, and all of its weights in it', () => {
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    expect(groups.layers.map((l) => [...l.components])).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
    // Rows of W and R and columns of R in each gate, and what reads the unit: a column of W above, or a row of the head.
    const [below, above] = [gates[cell] * (5 + 2 + 2 + 3), gates[cell] * (2 + 3 + 3) + 7];
    expect([...groupSizes(groups, model.graph)]).toEqual([below, below, above, above, above]);
  });

  it('has a gradient for every parameter, in a graph that the engine takes', async () => {
    const shape = { batch: 2, time: 3 };
    const trained = new Set(model.graph.initializers.keys());
    const { graph, parameters, gradients, lookups } = trainingGraph(model, windowProblem([], shape), trained, shape);
    await (await nodeRuntime.createSession(modelOf(graph), { threads: 1 })).release();
    expect([...parameters.map((p) => p.name), ...lookups.map((l) => l.table)].sort()).toEqual(Object.keys(dims).sort());
    expect([...gradients.keys()].sort()).toEqual(
      [...parameters.map((p) => p.name), ...lookups.map((l) => l.values)].sort(),
    );
  });
});

describe('languageModel', () => {
  it('is made of LSTM layers unless told otherwise', () => {
    expect(languageModel(sizes)).toEqual(languageModel({ ...sizes, cell: 'lstm' }));
  });

  it('needs a layer', () => {
    expect(() => languageModel({ ...sizes, hidden: [] })).toThrow(UsageError);
  });
});
