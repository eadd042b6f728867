import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomNumbers, runGraph } from '../../test/support/graphs.ts';
import { UsageError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { LOGITS, languageModel, TOKENS } from '../models/languageModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { createEvaluator, type Evaluator } from './evaluate.ts';

const HIDDEN = [5, 7];
const VOCABULARY = 11;
// Dropout must not act here.
const options = { vocabulary: VOCABULARY, embedding: 4, hidden: HIDDEN, keep: 0.5, initScale: 1.2 };
const model = languageModel(options);
const random = randomNumbers(3);
const ids = Int32Array.from({ length: 61 }, () => Math.floor(random() * VOCABULARY));

/** exp(mean cross entropy) of B rows of the text, from the logits of the whole rows at once. */
async function plainPerplexity(of: Model, batch: number): Promise<number> {
  const length = Math.floor(ids.length / batch);
  const id = (t: number, b: number) => ids[b * length + t]!;
  const tokens = Int32Array.from({ length: (length - 1) * batch }, (_, i) => id(Math.floor(i / batch), i % batch));
  const feeds: Record<string, Tensor> = { [TOKENS]: { elementType: 'int32', dims: [length - 1, batch], data: tokens } };
  for (const [i, size] of HIDDEN.entries()) {
    for (const s of ['h', 'c']) feeds[`lstm_${i}.${s}`] = floats([1, batch, size], new Float32Array(batch * size));
  }
  const logits = (await runGraph(of.graph, feeds))[LOGITS]!.data as Float32Array;
  let total = 0;
  for (let i = 0; i < tokens.length; i++) {
    const row = logits.subarray(i * VOCABULARY, (i + 1) * VOCABULARY);
    const target = row[id(Math.floor(i / batch) + 1, i % batch)]!;
    total += Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - target;
  }
  return Math.exp(total / tokens.length);
}

describe('perplexity', () => {
  let evaluator: Evaluator;
  beforeAll(async () => {
    evaluator = await createEvaluator(model, LOGITS, nodeRuntime, { threads: 1 });
  });
  afterAll(() => evaluator.release());

  it.each([1, 3])('is exp(mean cross entropy) for any length of the windows, batch %i', async (batch) => {
    const expected = await plainPerplexity(model, batch);
    expect(expected).toBeGreaterThan(VOCABULARY);
    // Windows that divide the rows (60 and 19 targets each), that leave a tail, and one that is longer than the text.
    for (const steps of [1, 4, 7, 19, 20, 100]) {
      const got = await evaluator.perplexity(ids, { batch, steps });
      expect(got / expected, `${steps} steps`).toBeCloseTo(1, 5);
    }
  });

  it('starts each text from zero states', async () => {
    const how = { batch: 1, steps: 10 };
    const before = await evaluator.perplexity(ids, how);
    await evaluator.perplexity(ids.slice().reverse(), how);
    expect(await evaluator.perplexity(ids, how)).toBe(before);
  });

  it('says how far it is', async () => {
    const shares: number[] = [];
    await evaluator.perplexity(ids, { batch: 1, steps: 1, onProgress: (share) => shares.push(share) });
    expect(shares).toEqual([50 / 60]);
  });

  it('names a text that is too short', async () => {
    const short = () => evaluator.perplexity(ids.slice(0, 5), { batch: 3, steps: 4, label: 'test text' });
    await expect(short()).rejects.toThrow(UsageError);
    await expect(short()).rejects.toThrow('the test text has 5 tokens');
  });
});

describe('an evaluator with weights of its own', () => {
  it('follows weights that are replaced or change in place', async () => {
    const weights = new Map(model.graph.initializers);
    const evaluator = await createEvaluator(model, LOGITS, nodeRuntime, {
      threads: 1,
      weights: (name) => weights.get(name),
    });
    const how = { batch: 3, steps: 7 };
    const now = () => evaluator.perplexity(ids, how);
    expect((await now()) / (await plainPerplexity(model, 3))).toBeCloseTo(1, 5);
    const other = languageModel({ ...options, seed: 2 });
    for (const [name, tensor] of other.graph.initializers) weights.set(name, tensor);
    expect((await now()) / (await plainPerplexity(other, 3))).toBeCloseTo(1, 5);
    for (const name of ['embedding', 'lstm_1.weight', 'head.bias']) {
      const data = weights.get(name)!.data as Float32Array;
      data.set(data.map((v) => 0.5 - v));
    }
    expect((await now()) / (await plainPerplexity(other, 3))).toBeCloseTo(1, 5);
    await evaluator.release();
  });
});
