import { describe, expect, it } from 'vitest';
import { relativeError } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { asOurRhn, type RhnWindow, rhnFixture, torchRhn, transposed } from '../../test/fixtures/torch/rhn.ts';
import { runGraph } from '../../test/support/graphs.ts';
import { floats } from '../graph/attributes.ts';
import type { Tensor } from '../graph/types.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { LOSS, scoringGraph, TARGETS, type TrainingGraph, trainingGraph } from '../train/trainingGraph.ts';
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

/** Rows of the embedding for the words of a window, [T, B, w]. */
function rowsOf(embedding: Tensor, tokens: readonly number[]): Tensor {
  const data = tokens.flatMap((t) => [...(embedding.data as Float32Array).subarray(t * width, (t + 1) * width)]);
  return floats([time, batch, width], data);
}

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
  const plan = trainingGraph(model, LOGITS, { batch, time });

  it("has PyTorch's loss, gradients and states", async () => {
    let state = zeros;
    for (const window of windows) {
      const feeds: Record<string, Tensor> = {
        [TARGETS]: ints([time * batch], window.targets),
        [plan.lookups[0]!.values]: rowsOf(model.graph.initializers.get('embedding')!, window.tokens),
        [STATE.input]: state,
        ...maskFeeds(plan, window),
        // Only the mask of words asks which words they are.
        ...(variant === 'dropout' && { [TOKENS]: ints([time, batch], window.tokens) }),
      };
      for (const { name, dims } of plan.parameters) feeds[name] = { ...model.graph.initializers.get(name)!, dims };
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
      const scoring = scoringGraph(model, LOGITS);
      let state = zeros;
      for (const window of rhnFixture.plain.windows) {
        const got = await runGraph(graph, { [TOKENS]: ints([time, batch], window.tokens), [STATE.input]: state });
        expect(got[LOGITS]!.dims).toEqual([time, batch, vocabulary]);
        expect(relativeError(got[LOGITS]!.data as Float32Array, window.logits)).toBeLessThan(TOLERANCE);
        const fed = Object.fromEntries(
          scoring.parameters.map(({ name, dims }) => [name, { ...model.graph.initializers.get(name)!, dims }]),
        );
        const scored = await runGraph(scoring.graph, {
          ...fed,
          [TARGETS]: ints([time * batch], window.targets),
          [scoring.lookups[0]!.values]: rowsOf(model.graph.initializers.get('embedding')!, window.tokens),
          [STATE.input]: state,
        });
        expect(relativeError(scored[LOSS]!.data as Float32Array, [window.loss])).toBeLessThan(TOLERANCE);
        state = got[STATE.output]!;
        expect(relativeError(state.data as Float32Array, window.state)).toBeLessThan(TOLERANCE);
      }
    },
  );
});
