import { describe, expect, it } from 'vitest';
import {
  asOurs,
  fixture,
  relativeError,
  type TorchWindow,
  torchModel,
  zeroStates,
} from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { runGraph } from '../../test/support/graphs.ts';
import { windowFeeds, windowProblem } from '../../test/support/windows.ts';
import { floats } from '../graph/attributes.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { LOSS } from '../tasks/task.ts';
import { scoringGraph, type TrainingGraph, trainingGraph } from './compile.ts';

const { batch, time, embedding } = fixture.sizes;
const sizes = { batch, time };
const problem = windowProblem([], sizes);
const namesIn = (model: Model) => new Set(model.graph.initializers.keys());
/** Float32 against float64; the largest differences are about 3e-7. */
const TOLERANCE = 1e-5;

/** Gradients by the model's names; those of looked-up rows are summed into the table. */
function gradientsOf(plan: TrainingGraph, results: Record<string, Tensor>, window: TorchWindow) {
  const found: Record<string, ArrayLike<number>> = {};
  for (const { name } of plan.parameters) found[name] = results[plan.gradients.get(name)!]!.data as Float32Array;
  for (const { table, values } of plan.lookups) {
    const rows = results[plan.gradients.get(values)!]!.data as Float32Array;
    const dense = new Float64Array(fixture.sizes.vocabulary * embedding);
    window.tokens.forEach((t, i) => {
      for (let k = 0; k < embedding; k++) dense[t * embedding + k]! += rows[i * embedding + k]!;
    });
    found[table] = dense;
  }
  return found;
}

/** The tensors that are too far from PyTorch's, each with its largest difference. */
function tooFar(
  got: Record<string, ArrayLike<number>>,
  expected: Readonly<Record<string, readonly number[]>>,
): string[] {
  expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
  return Object.entries(expected).flatMap(([name, values]) => {
    const error = relativeError(got[name]!, values);
    return error <= TOLERANCE ? [] : [`${name}: largest difference ${error.toExponential(1)} of its largest value`];
  });
}

describe.each(['plain', 'dropout'] as const)('training on two windows (%s), against PyTorch', (variant) => {
  const { keep, windows } = fixture[variant];
  const model = torchModel({ keep });
  const plan = trainingGraph(model, problem, namesIn(model), sizes);

  it('gives the same loss, gradients and states', async () => {
    expect(plan.masks.map((m) => [m.dims, m.keep])).toEqual(
      keep === 1
        ? []
        : [embedding, ...fixture.sizes.hidden].map((size) => [[time, batch, size], expect.closeTo(keep, 6)]),
    );
    let states = zeroStates();
    for (const [i, window] of windows.entries()) {
      const feeds = { ...windowFeeds(model.graph.initializers, plan, window, sizes), ...states };
      plan.masks.forEach(({ input, dims }, k) => {
        feeds[input] = floats(dims, window.masks![k]!);
      });
      const results = await runGraph(plan.graph, feeds);
      states = Object.fromEntries(plan.states.map(({ input, output }) => [input, results[output]!]));
      const got = {
        [LOSS]: results[LOSS]!.data as Float32Array,
        ...gradientsOf(plan, results, window),
        ...Object.fromEntries(Object.entries(states).map(([name, s]) => [name, s.data as Float32Array])),
      };
      const expected = { [LOSS]: [window.loss], ...asOurs(window.gradients, 'gradients'), ...window.states };
      expect(tooFar(got, expected), `window ${i}`).toEqual([]);
    }
  });
});

describe('trainingGraph', () => {
  const model = torchModel();

  it('leaves what is not trained in the graph, also a table that words are looked up in', async () => {
    const trained = new Set(['lstm_1.weight', 'head.bias']);
    const plan = trainingGraph(model, problem, trained, sizes);
    expect(plan.parameters.map((p) => p.name).sort()).toEqual([...trained].sort());
    expect(plan.lookups).toEqual([]);
    expect([...plan.gradients.keys()].sort()).toEqual([...trained].sort());
    const [window] = fixture.plain.windows as [TorchWindow];
    const results = await runGraph(plan.graph, {
      ...windowFeeds(model.graph.initializers, plan, window, sizes),
      ...zeroStates(),
    });
    const expected = asOurs(window.gradients, 'gradients');
    for (const name of trained) {
      const found = results[plan.gradients.get(name)!]!.data as Float32Array;
      expect(relativeError(found, expected[name]!), name).toBeLessThan(TOLERANCE);
    }
  });
});

describe('scoringGraph', () => {
  it.each([undefined, sizes])('gives the loss and the states of PyTorch without dropout, sizes %o', async (shape) => {
    const model = torchModel({ keep: 0.5 });
    const plan = scoringGraph(model, problem, namesIn(model), shape);
    let states = zeroStates();
    for (const [i, window] of fixture.plain.windows.entries()) {
      const feeds = windowFeeds(model.graph.initializers, plan, window, sizes);
      const results = await runGraph(plan.graph, { ...feeds, ...states });
      states = Object.fromEntries(plan.states.map(({ input, output }) => [input, results[output]!]));
      const got = Object.fromEntries(Object.entries(states).map(([name, s]) => [name, s.data as Float32Array]));
      const expected = { [LOSS]: [window.loss], ...window.states };
      expect(tooFar({ [LOSS]: results[LOSS]!.data as Float32Array, ...got }, expected), `window ${i}`).toEqual([]);
    }
  });

  it('takes a parameter without its leading axes of size 1, and the table of words not at all', () => {
    const model = torchModel();
    const plan = scoringGraph(model, problem, namesIn(model));
    const dims = Object.fromEntries(plan.parameters.map((p) => [p.name, p.dims]));
    expect(dims).toMatchObject({ 'lstm_0.weight': [20, 6], 'lstm_1.recurrent': [28, 7], 'head.weight': [7, 17] });
    expect(dims).not.toHaveProperty('embedding');
    expect(plan.lookups).toEqual([{ table: 'embedding', indices: 'tokens', values: expect.any(String) }]);
  });
});
