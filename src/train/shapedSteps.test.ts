import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../test/support/graphs.ts';
import { copied, plainSetup, plainState, trainBatches } from '../../test/support/training.ts';
import { SlimError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, gather, matmul, mul, reduceSum, reshape, sub, tanh } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { languageModel, TOKENS } from '../models/languageModel.ts';
import { adam, adamDefaults } from '../optimizers/adam.ts';
import { bindDims } from '../passes/bindDims.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { languageModelProblem } from '../tasks/language-model/problem.ts';
import { type Batches, type BatchShape, LOSS, type Problem, TARGETS } from '../tasks/task.ts';
import { createScorer } from './scorer.ts';
import { MOST_SHAPES } from './shapedSteps.ts';

const [WORDS, BATCH] = [6, 2];

/** Σ over the words that are there of tanh(E[word] w) · v; with `rare` a weight more for sequences of odd length. */
function bagOfWords(): Model {
  const random = randomNumbers(4);
  const b = new GraphBuilder('bag');
  const weight = (name: string, dims: number[]) => {
    const data = Float32Array.from({ length: dims.reduce((x, y) => x * y) }, () => random() - 0.5);
    return b.parameter(name, { elementType: 'float32', dims, data });
  };
  const ids = b.input('ids', 'int32', ['batch', 'time']);
  const there = b.input('there', 'float32', ['batch', 'time', 1]);
  const words = gather(weight('table', [WORDS, 3]), ids);
  const hidden = tanh(matmul(words, weight('w', [3, 4])));
  b.output(matmul(reduceSum(mul(hidden, there), [1]), weight('v', [4, 1])), 'score');
  weight('rare', [4]);
  return modelOf(b.build());
}

/** Sequences of these lengths, a batch each, in tensors of `timeOf` steps: longer ones are filled up with nothing. */
function sequences(
  lengths: readonly number[],
  timeOf: (length: number) => number = (n) => n,
  readsRare = false,
): Problem {
  const tensor = (elementType: 'int32' | 'float32', dims: number[]): Tensor => {
    const size = dims.reduce((x, y) => x * y);
    return { elementType, dims, data: elementType === 'int32' ? new Int32Array(size) : new Float32Array(size) };
  };
  const batches: Batches = {
    count: lengths.length,
    items: BATCH * lengths.length,
    shapeOf: (i) => ({ batch: BATCH, time: timeOf(lengths[i]!) }),
    feeds: ({ time }) => ({
      ids: tensor('int32', [BATCH, time!]),
      there: tensor('float32', [BATCH, time!, 1]),
      [TARGETS]: tensor('float32', [BATCH]),
    }),
    fill(i, feeds) {
      const random = randomNumbers(100 + i);
      const time = timeOf(lengths[i]!);
      for (let n = 0; n < BATCH; n++) {
        for (let t = 0; t < time; t++) {
          const isThere = t < lengths[i]!;
          feeds.ids!.data[n * time + t] = isThere ? Math.floor(random() * WORDS) : 0;
          feeds.there!.data[n * time + t] = isThere ? 1 : 0;
        }
        feeds[TARGETS]!.data[n] = random();
      }
      return BATCH;
    },
  };
  return {
    ...{ items: 'texts', scores: [], splits: ['train', 'valid'], digest: '', carriesState: false },
    ...{ scoresAnyShape: false, hopeless: 1e9, samples: () => [], batches: () => batches },
    lossGraph({ graph }, shape) {
      const b = GraphBuilder.from(bindDims(graph, shape!), { keepOutputs: false });
      const score = reshape(b.value('score'), [-1]);
      const given = readsRare && shape!.time! % 2 === 1 ? add(score, reduceSum(b.value('rare'))) : score;
      const gap = sub(given, b.input(TARGETS, 'float32', [BATCH]));
      b.output(reduceSum(mul(gap, gap)), LOSS);
      return { graph: b.build(), sums: {}, reduction: 'sum', gradientScale: 1 / BATCH, lookups: ['ids'] };
    },
  };
}

/** A runtime that notes for which lengths sessions live. */
function watched() {
  const [made, live]: [number[], Set<number>] = [[], new Set()];
  const runtime: Runtime = {
    ...nodeRuntime,
    async createSession(model, options) {
      if (model instanceof Uint8Array) throw new Error('a graph is expected');
      const session = await nodeRuntime.createSession(model, options);
      const time = Number(model.graph.inputs.find((v) => v.type.shape?.length === 3)!.type.shape![1]);
      made.push(time);
      live.add(time);
      return {
        ...session,
        run: (...args) => session.run(...args),
        async release() {
          live.delete(time);
          await session.release();
        },
      };
    },
  };
  return { runtime, made, live };
}

describe('batches of several shapes', () => {
  const lengths = [3, 5, 4, 3, 1, 5, 4];
  const all = (problem: Problem, adamly: boolean) =>
    trained(problem, adamly ? { createOptimizer: () => adam(adamDefaults) } : {});

  async function trained(problem: Problem, setup: Parameters<typeof plainSetup>[1]) {
    const state = await plainState(bagOfWords(), plainSetup(problem, setup));
    const losses: number[] = [];
    for (let update = 0; update < 3 * lengths.length; update++) {
      losses.push((await state.step(trainBatches(problem), update % lengths.length, { rate: 0.05, update })).loss);
    }
    const weights = copied(state.snapshot().weights);
    await state.release();
    return { losses, weights };
  }

  it.each([false, true])('are learned as if all had one shape (Adam: %s)', async (adamly) => {
    const shaped = await all(sequences(lengths), adamly);
    const padded = await all(
      sequences(lengths, () => 5),
      adamly,
    );
    const epoch = (from: number) => shaped.losses.slice(from, from + lengths.length).reduce((a, b) => a + b);
    expect(epoch(2 * lengths.length)).toBeLessThan(epoch(0));
    for (const [i, loss] of padded.losses.entries()) expect(shaped.losses[i]).toBeCloseTo(loss, 5);
    for (const [name, { data }] of padded.weights) {
      const own = shaped.weights.get(name)!.data;
      for (let i = 0; i < data.length; i++) expect(own[i], `${name}[${i}]`).toBeCloseTo(data[i] as number, 5);
    }
  });

  it('have one session each over one memory, of which the ones that were used last are kept', async () => {
    const many = Array.from({ length: MOST_SHAPES + 2 }, (_, i) => i + 1);
    const problem = sequences(many);
    const { runtime, made, live } = watched();
    const state = await plainState(bagOfWords(), plainSetup(problem, { runtime }));
    const { memory } = state;
    let update = 0;
    const step = (time: number) => state.step(trainBatches(problem), time - 1, { rate: 0.01, update: update++ });
    for (const time of many.slice(0, MOST_SHAPES)) await step(time);
    expect(made).toEqual(many.slice(0, MOST_SHAPES));
    await step(1);
    await step(MOST_SHAPES + 1);
    expect(live.has(1)).toBe(true);
    expect(live.has(2)).toBe(false);
    await step(1);
    expect(made).toHaveLength(MOST_SHAPES + 1);
    await step(2);
    expect(made.at(-1)).toBe(2);
    expect(live.has(3)).toBe(false);
    expect(live.size).toBe(MOST_SHAPES);
    expect(state.memory).toBe(memory);
    await state.release();
    expect(live.size).toBe(0);
  });

  it('are scored with one session each, no more of them at a time', async () => {
    const many = Array.from({ length: MOST_SHAPES + 4 }, (_, i) => i + 1);
    const { runtime, made, live } = watched();
    const scorer = createScorer(bagOfWords(), { problem: sequences(many), runtime, threads: 1, seed: 1 });
    const padded = sequences(many, () => many.length);
    const other = createScorer(bagOfWords(), { problem: padded, runtime: nodeRuntime, threads: 1, seed: 1 });
    const [got, expected] = [await scorer.score('valid'), await other.score('valid')];
    expect(got.count).toBe(BATCH * many.length);
    expect(got.totals.loss![0]! / expected.totals.loss![0]!).toBeCloseTo(1, 5);
    expect(made).toEqual(many);
    expect(live.size).toBe(MOST_SHAPES);
    await scorer.release();
    await other.release();
    expect(live.size).toBe(0);
  });
});

describe('a weight that has a part in the loss of some shapes only', () => {
  it('moves with these, and not with the others', async () => {
    const problem = sequences([3, 4, 4, 5], undefined, true);
    const state = await plainState(bagOfWords(), plainSetup(problem));
    const rare = () => [...(state.weights('rare')!.data as Float32Array)];
    const seen = [rare()];
    for (const index of [0, 1, 2, 3]) {
      await state.step(trainBatches(problem), index, { rate: 0.1, update: index });
      seen.push(rare());
    }
    expect(seen[1]).not.toEqual(seen[0]);
    expect([seen[2], seen[3]]).toEqual([seen[1], seen[1]]);
    expect(seen[4]).not.toEqual(seen[3]);
    await state.release();
  });

  it('must have a part in that of the first one', async () => {
    const problem = sequences([4, 3], undefined, true);
    const state = await plainState(bagOfWords(), plainSetup(problem));
    const late = state.step(trainBatches(problem), 1, { rate: 0.1, update: 0 });
    await expect(late).rejects.toThrow(SlimError);
    await expect(late).rejects.toThrow("'rare' has a part in the loss of some batches, but not in that of the first");
    await state.release();
  });
});

it('states go on from a window of one length to one of another', async () => {
  const random = randomNumbers(8);
  const ids = Int32Array.from({ length: 25 }, () => Math.floor(random() * 7));
  const vocabulary = { words: [], ids: new Map<string, number>() };
  const corpus = { name: '', source: '', vocabulary, train: ids, valid: ids, test: ids, sha256: '' };
  const base = languageModelProblem({ task: { kind: 'language-model', steps: 24 }, batch: 1 }, corpus);
  const model = languageModel({ vocabulary: 7, embedding: 3, hidden: [4, 3], initScale: 1 });
  /** Total loss of the text in windows of these lengths. */
  const total = async (windows: readonly number[]) => {
    const starts = windows.map((_, i) => windows.slice(0, i).reduce((a, b) => a + b, 0));
    const { feeds } = base.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    const batches: Batches = {
      ...{ count: windows.length, items: 24, feeds: (shape: BatchShape) => feeds(shape) },
      shapeOf: (i) => ({ batch: 1, time: windows[i]! }),
      fill(i, into) {
        const [from, to] = [starts[i]!, starts[i]! + windows[i]!];
        (into[TOKENS]!.data as Int32Array).set(ids.subarray(from, to));
        (into[TARGETS]!.data as Int32Array).set(ids.subarray(from + 1, to + 1));
        return windows[i]!;
      },
    };
    const state = await plainState(model, plainSetup({ ...base, batches: () => batches }));
    let sum = 0;
    for (let i = 0; i < windows.length; i++)
      sum += (await state.step(batches, i, { rate: 0, update: i })).loss * windows[i]!;
    await state.release();
    return sum;
  };
  const whole = await total([24]);
  expect(await total([8, 8, 8])).toBeCloseTo(whole, 4);
  expect(await total([3, 8, 3, 1, 8, 1])).toBeCloseTo(whole, 4);
});
