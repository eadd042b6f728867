import { describe, expect, it } from 'vitest';
import { randomNumbers, runGraph } from '../../../test/support/graphs.ts';
import { SlimError, UsageError } from '../../base/errors.ts';
import type { Settings } from '../../base/fields.ts';
import { floats } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, gather } from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { LOGITS, languageModel, TOKENS } from '../../models/languageModel.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { createScorer } from '../../train/scorer.ts';
import { scoresOf } from '../score.ts';
import { type Split, TARGETS } from '../task.ts';
import { languageModelProblem } from './problem.ts';

const HIDDEN = [5, 7];
const VOCABULARY = 11;
// Dropout must not act here.
const model = languageModel({ vocabulary: VOCABULARY, embedding: 4, hidden: HIDDEN, keep: 0.5, initScale: 1.2 });
const random = randomNumbers(3);
const ids = Int32Array.from({ length: 61 }, () => Math.floor(random() * VOCABULARY));

/** The problem of a text that is training, validation and test text at once. */
function problemOf(batch: number, steps: number, text = ids, valid = text, more: Settings = {}) {
  const vocabulary = { words: [], ids: new Map<string, number>() };
  const corpus = { name: '', source: '', vocabulary, train: text, valid, test: valid, sha256: 'ids' };
  return languageModelProblem({ task: { kind: 'language-model', steps, ...more }, batch }, corpus);
}

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

async function perplexityOf(of: Model, split: Split, batch: number, steps: number): Promise<number> {
  // The training text may be any that is long enough.
  const problem = problemOf(batch, steps, new Int32Array(batch * (steps + 1)), ids);
  const scorer = createScorer(of, { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
  try {
    return scoresOf(problem.scores, await scorer.score(split)).perplexity!;
  } finally {
    await scorer.release();
  }
}

describe('perplexity', () => {
  // Validation text has the rows of the configuration, the test text is one row.
  it.each([
    ['valid', 1, 1],
    ['valid', 3, 3],
    ['test', 3, 1],
  ] as const)('is exp(mean cross entropy) for any length of the windows: %s, batch %i', async (split, batch, rows) => {
    const expected = await plainPerplexity(model, rows);
    expect(expected).toBeGreaterThan(VOCABULARY);
    // Windows that divide the rows (60 and 19 targets each), that leave a tail, and one that is longer than the text.
    for (const steps of [1, 4, 7, 19, 20, 100]) {
      const got = await perplexityOf(model, split, batch, steps);
      expect(got / expected, `${steps} steps`).toBeCloseTo(1, 5);
    }
  });
});

describe('windows', () => {
  it('go on where the one before stopped, in rows side by side', () => {
    const batches = problemOf(2, 4).batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    // Rows of 30 words: 7 windows of 4 steps, one word is left out of each.
    expect([batches.count, batches.items]).toEqual([7, 56]);
    const feeds = batches.feeds(batches.shapeOf(3));
    expect(batches.shapeOf(3)).toEqual({ batch: 2, time: 4 });
    expect(batches.fill(3, feeds)).toBe(8);
    const rows = (from: number) => [0, 1, 2, 3].flatMap((t) => [ids[from + t], ids[30 + from + t]]);
    expect([...(feeds[TOKENS]!.data as Int32Array)]).toEqual(rows(12));
    expect([...(feeds[TARGETS]!.data as Int32Array)]).toEqual(rows(13));
  });

  it('are read to the end of a row where they are scored', () => {
    const valid = problemOf(2, 4).batches('valid', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    expect([valid.count, valid.items]).toEqual([8, 58]);
    expect(valid.shapeOf(7)).toEqual({ batch: 2, time: 1 });
    expect(valid.feeds(valid.shapeOf(7))[TOKENS]!.dims).toEqual([1, 2]);
  });

  it('are as many for every rank, each a part of the text', () => {
    const parts = [0, 1, 2].map((rank) => problemOf(2, 4).batches('train', { epoch: 0, seed: 1, rank, ranks: 3 }));
    expect(parts.map((p) => p.count)).toEqual([2, 2, 2]);
    const first = parts.map((p) => {
      const feeds = p.feeds(p.shapeOf(0));
      p.fill(0, feeds);
      return feeds[TOKENS]!.data[0];
    });
    expect(first).toEqual([ids[0], ids[20], ids[40]]);
  });

  it('are cut elsewhere in each epoch with shiftWindows, the same again for the same seed, alike for all ranks', () => {
    const problem = problemOf(2, 4, ids, ids, { shiftWindows: true });
    const text = Int32Array.from(ids, (_, i) => i);
    const counting = problemOf(2, 4, text, text, { shiftWindows: true });
    const firstOf = (epoch: number, seed = 1, rank = 0, ranks = 1) => {
      const batches = counting.batches('train', { epoch, seed, rank, ranks });
      expect(batches.count).toBe(ranks === 1 ? 6 : 2);
      const feeds = batches.feeds(batches.shapeOf(0));
      batches.fill(0, feeds);
      return Number(feeds[TOKENS]!.data[0]);
    };
    const epochs = Array.from({ length: 40 }, (_, epoch) => firstOf(epoch));
    expect(new Set(epochs)).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    expect(Array.from({ length: 40 }, (_, epoch) => firstOf(epoch))).toEqual(epochs);
    expect(Array.from({ length: 40 }, (_, epoch) => firstOf(epoch, 2))).not.toEqual(epochs);
    for (const epoch of epochs.keys()) expect(firstOf(epoch, 1, 1, 2) - firstOf(epoch, 1, 0, 2)).toBe(30);
    // What is scored is the whole text, as ever.
    const valid = problem.batches('valid', { epoch: 3, seed: 1, rank: 0, ranks: 1 });
    expect([valid.count, valid.items]).toEqual([8, 58]);
  });

  it.each([
    ['training', problemOf.bind(null, 20, 4)],
    ['validation', problemOf.bind(null, 3, 4, ids, ids.slice(0, 5))],
  ])('need a text that is long enough: %s', (name, make) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow(`the ${name} text has`);
  });

  it('are samples of the validation text, five at most', () => {
    const samples = problemOf(2, 4).samples(model);
    expect(samples.map((feeds) => Object.keys(feeds))).toEqual(Array(5).fill([TOKENS]));
    expect(samples.map((feeds) => feeds[TOKENS]!.dims)).toEqual(Array(5).fill([4, 2]));
    expect(problemOf(20, 2, ids).samples(model)).toHaveLength(1);
  });
});

describe('the loss of a language model', () => {
  it('is for words that come in by one input', () => {
    const b = new GraphBuilder('two inputs');
    const table = b.parameter('table', floats([3, 2], [1, 2, 3, 4, 5, 6]));
    const [left, right] = ['left', 'right'].map((name) => b.input(name, 'int32', ['time', 'batch']));
    b.output(add(gather(table, left!), gather(table, right!)), LOGITS);
    const loss = () => problemOf(2, 4).lossGraph(modelOf(b.build()));
    expect(loss).toThrow(UsageError);
    expect(loss).toThrow("reads its words from one input, 'tokens'; this one has left, right");
  });

  it('is for a model that gives logits', () => {
    const outputs = model.graph.outputs.filter((o) => o.name !== LOGITS);
    const loss = () => problemOf(2, 4).lossGraph({ ...model, graph: { ...model.graph, outputs } });
    expect(loss).toThrow(SlimError);
    expect(loss).toThrow("no output 'logits'");
  });

  it('is summed over a window, and its gradient averaged over the batch', () => {
    const { reduction, gradientScale, lookups } = problemOf(3, 4).lossGraph(model);
    expect({ reduction, gradientScale, lookups }).toEqual({
      reduction: 'sum',
      gradientScale: 1 / 3,
      lookups: [TOKENS],
    });
  });
});
