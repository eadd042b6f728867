import { describe, expect, it } from 'vitest';
import { relativeError } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { asOurRhn, type RhnWindow, rhnFixture, torchRhn, transposed } from '../../test/fixtures/torch/rhn.ts';
import { runGraph } from '../../test/support/graphs.ts';
import { windowFeeds, windowProblem } from '../../test/support/windows.ts';
import { floats } from '../graph/attributes.ts';
import type { Tensor } from '../graph/types.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { LOSS } from '../tasks/task.ts';
import { scoringGraph, type TrainingGraph, trainingGraph } from '../train/compile.ts';
import { LOGITS, TOKENS } from './languageModel.ts';

const { vocabulary, width, batch, time } = rhnFixture.sizes;
const TOLERANCE = 1e-5;

const ints = (dims: readonly number[], values: readonly number[]): Tensor => ({
  elementType: 'int32',
  dims,
  data: Int32Array.from(values),
});
const STATE = { input: 'rhn.s', output: 'rhn.s_next' };
const zeros = floats([batch, width], new Float32Array(batch * width));

const sizes = { batch, time };
const problem = windowProblem([], sizes);

/** The gradient of the embedding: as the output's matrix, and as the table that words are looked up in. */
function whole(head: ArrayLike<number>, rows: ArrayLike<number>, tokens: readonly number[]): Float64Array {
  const sum = Float64Array.from(head);
  tokens.forEach((t, i) => {
    for (let k = 0; k < width; k++) sum[t * width + k]! += rows[i * width + k]!;
  });
  return sum;
}

/** Masks in the order and layout of the graph: the state's is [w, B]. */
function maskFeeds(plan: TrainingGraph, { masks }: RhnWindow): Record<string, Tensor> {
  if (masks === undefined) return {};
  const given = [masks.words, masks.input, transposed(masks.state, batch), masks.output];
  return Object.fromEntries(plan.masks.map((m, i) => [m.input, floats(m.dims, given[i]!)]));
}

describe.each(['plain', 'dropout'] as const)('a Recurrent Highway Network in training (%s)', (variant) => {
  const { keep, windows } = rhnFixture[variant];
  const model = torchRhn(keep);
  const weights = model.graph.initializers;
  const plan = trainingGraph(model, problem, new Set(weights.keys()), sizes);

  it("has PyTorch's loss, gradients and states", async () => {
    let state = zeros;
    for (const window of windows) {
      const feeds = {
        ...windowFeeds(weights, plan, window, sizes),
        [STATE.input]: state,
        ...maskFeeds(plan, window),
      };
      // Only the mask of words asks which words they are.
      expect(TOKENS in feeds).toBe(variant === 'dropout');
      expect(Object.keys(feeds).sort()).toEqual(plan.graph.inputs.map((v) => v.name).sort());
      const got = await runGraph(plan.graph, feeds);
      const gradient = (name: string) => got[plan.gradients.get(name)!]!.data as Float32Array;
      expect(relativeError(got[LOSS]!.data as Float32Array, [window.loss])).toBeLessThan(TOLERANCE);
      for (const [name, expected] of Object.entries(asOurRhn(window.gradients))) {
        const found =
          name === 'embedding'
            ? whole(gradient(name), gradient(plan.lookups[0]!.values), window.tokens)
            : gradient(name);
        expect(relativeError(found, expected), name).toBeLessThan(TOLERANCE);
      }
      state = got[STATE.output]!;
      expect(relativeError(state.data as Float32Array, window.state)).toBeLessThan(TOLERANCE);
    }
  });
});

describe('a Recurrent Highway Network in use', () => {
  it.each(['plain', 'dropout'] as const)(
    "has PyTorch's logits, loss and states without dropout (%s)",
    async (variant) => {
      const model = torchRhn(rhnFixture[variant].keep);
      const { graph } = withoutDropout(model);
      const weights = model.graph.initializers;
      const scoring = scoringGraph(model, problem, new Set(weights.keys()));
      let state = zeros;
      for (const window of rhnFixture.plain.windows) {
        const got = await runGraph(graph, { [TOKENS]: ints([time, batch], window.tokens), [STATE.input]: state });
        expect(got[LOGITS]!.dims).toEqual([time, batch, vocabulary]);
        expect(relativeError(got[LOGITS]!.data as Float32Array, window.logits)).toBeLessThan(TOLERANCE);
        const scored = await runGraph(scoring.graph, {
          ...windowFeeds(weights, scoring, window, sizes),
          [STATE.input]: state,
        });
        expect(relativeError(scored[LOSS]!.data as Float32Array, [window.loss])).toBeLessThan(TOLERANCE);
        state = got[STATE.output]!;
        expect(relativeError(state.data as Float32Array, window.state)).toBeLessThan(TOLERANCE);
      }
    },
  );
});
