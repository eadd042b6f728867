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
import { SlimError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, gather } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { LOGITS } from '../models/languageModel.ts';
import { LOSS, type ScoringGraph, scoringGraph, TARGETS, type TrainingGraph, trainingGraph } from './trainingGraph.ts';

const { batch, time, embedding } = fixture.sizes;
const sizes = { batch, time };
/** Float32 against float64; the largest differences are about 3e-7. */
const TOLERANCE = 1e-5;

/** Rows of the embedding table, one for each token. */
function lookedUp(table: Tensor, tokens: readonly number[]): number[] {
  const data = table.data as Float32Array;
  return tokens.flatMap((t) => [...data.subarray(t * embedding, (t + 1) * embedding)]);
}

/** Everything that a plan asks for but the states. */
function feedsFor(model: Model, plan: ScoringGraph, window: TorchWindow): Record<string, Tensor> {
  const weights = model.graph.initializers;
  const feeds: Record<string, Tensor> = {
    [TARGETS]: { elementType: 'int32', dims: [time * batch], data: Int32Array.from(window.targets) },
  };
  for (const { name, dims } of plan.parameters) feeds[name] = { ...weights.get(name)!, dims };
  for (const { table, values } of plan.lookups) {
    feeds[values] = floats([time, batch, embedding], lookedUp(weights.get(table)!, window.tokens));
  }
  return feeds;
}

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
  const plan = trainingGraph(model, LOGITS, sizes);

  it('gives the same loss, gradients and states', async () => {
    expect(plan.masks.map((m) => [m.dims, m.keep])).toEqual(
      keep === 1
        ? []
        : [embedding, ...fixture.sizes.hidden].map((size) => [[time, batch, size], expect.closeTo(keep, 6)]),
    );
    let states = zeroStates();
    for (const [i, window] of windows.entries()) {
      const feeds = { ...feedsFor(model, plan, window), ...states };
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

describe('scoringGraph', () => {
  it('gives the loss and the states of PyTorch without dropout, for a model that has it', async () => {
    const model = torchModel({ keep: 0.5 });
    const plan = scoringGraph(model, LOGITS);
    let states = zeroStates();
    for (const [i, window] of fixture.plain.windows.entries()) {
      const results = await runGraph(plan.graph, { ...feedsFor(model, plan, window), ...states });
      states = Object.fromEntries(plan.states.map(({ input, output }) => [input, results[output]!]));
      const got = Object.fromEntries(Object.entries(states).map(([name, s]) => [name, s.data as Float32Array]));
      const expected = { [LOSS]: [window.loss], ...window.states };
      expect(tooFar({ [LOSS]: results[LOSS]!.data as Float32Array, ...got }, expected), `window ${i}`).toEqual([]);
    }
  });

  it('takes a parameter without its leading axes of size 1, and the table of words not at all', () => {
    const plan = scoringGraph(torchModel(), LOGITS);
    const dims = Object.fromEntries(plan.parameters.map((p) => [p.name, p.dims]));
    expect(dims).toMatchObject({ 'lstm_0.weight': [20, 6], 'lstm_1.recurrent': [28, 7], 'head.weight': [7, 17] });
    expect(dims).not.toHaveProperty('embedding');
    expect(plan.lookups).toEqual([{ table: 'embedding', indices: 'tokens', values: expect.any(String) }]);
  });

  it('refuses a model whose words come in by two inputs', () => {
    const b = new GraphBuilder('two inputs');
    const table = b.parameter('table', floats([3, 2], [1, 2, 3, 4, 5, 6]));
    const [left, right] = ['left', 'right'].map((name) => b.input(name, 'int32', ['time', 'batch']));
    b.output(add(gather(table, left!), gather(table, right!)), LOGITS);
    expect(() => scoringGraph(modelOf(b.build()), LOGITS)).toThrow('looks words up by left and right');
  });

  it('names an output that the model does not have', () => {
    expect(() => scoringGraph(torchModel(), 'scores')).toThrow(SlimError);
    expect(() => scoringGraph(torchModel(), 'scores')).toThrow("no output 'scores'");
  });
});
