import { afterEach, describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { configOf } from '../../test/support/training.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { floatToHalf } from '../graph/half.ts';
import { modelOf } from '../graph/model.ts';
import { apply, cast, matmul } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { languageModel } from '../models/languageModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import type { Sums } from '../tasks/score.ts';
import type { Problem } from '../tasks/task.ts';
import { createScorer, type Scorer, type ScorerOptions } from './scorer.ts';

const made: Scorer[] = [];
afterEach(async () => {
  for (const scorer of made.splice(0)) await scorer.release();
});

function scorerOf(model: Model, problem: Problem, options: Partial<ScorerOptions> = {}): Scorer {
  const scorer = createScorer(model, { problem, runtime: nodeRuntime, threads: 1, seed: 1, ...options });
  made.push(scorer);
  return scorer;
}

const [text] = taskCases;
const { problem } = text!.make().task;
const options = { vocabulary: 9, embedding: 4, hidden: [5, 7], keep: 0.5, initScale: 1.2 };
const model = languageModel(options);
const meanOf = ({ totals, count }: Sums) => totals.loss![0]! / count;

describe('a scorer', () => {
  it('starts each text from zero states, and scores it anew', async () => {
    const scorer = scorerOf(model, problem);
    const before = await scorer.score('valid');
    await scorer.score('test');
    await scorer.score('train');
    expect(await scorer.score('valid')).toEqual(before);
  });

  it('says how far it is', async () => {
    const { problem: fine } = text!.make({ steps: 1 }).task;
    const shares: number[] = [];
    // 96 targets in 3 rows of 32 words, then the test text in one row.
    await scorerOf(model, fine).score('valid', { onProgress: (share) => shares.push(share) });
    expect(shares).toEqual([]);
    await scorerOf(model, fine).score('test', { onProgress: (share) => shares.push(share) });
    expect(shares).toEqual([50 / 60]);
  });

  it('stops when it is told to', async () => {
    const stopped = scorerOf(model, problem).score('test', { signal: AbortSignal.abort() });
    await expect(stopped).rejects.toThrow('stopped while scoring the test data; --resume goes on from here');
  });

  it('follows weights that are replaced or change in place', async () => {
    const weights = new Map(model.graph.initializers);
    const scorer = scorerOf(model, problem, { weights: (name) => weights.get(name) });
    const expectAs = async (other: Model) => {
      const fresh = await scorerOf(other, problem).score('valid');
      expect(meanOf(await scorer.score('valid'))).toBeCloseTo(meanOf(fresh), 5);
    };
    await expectAs(model);
    const other = languageModel({ ...options, seed: 2 });
    for (const [name, tensor] of other.graph.initializers) weights.set(name, tensor);
    await expectAs(other);
    for (const name of ['embedding', 'lstm_1.weight', 'head.bias']) {
      const data = weights.get(name)!.data as Float32Array;
      data.set(data.map((v) => 0.5 - v));
    }
    await expectAs(other);
  });

  it('has nothing to say where nothing counts', async () => {
    const batches: Problem['batches'] = (split, order) => ({ ...problem.batches(split, order), fill: () => 0 });
    const nothing = scorerOf(model, { ...problem, batches }).score('valid');
    await expect(nothing).rejects.toThrow('nothing counts in the validation data');
  });
});

describe('a scorer of a model that others made', () => {
  const config = configOf({ task: 'arrays', loss: 'cross-entropy', targetArray: 'y', batch: 8, epochs: 1 });
  const arrays = (count: number, time: number) => ({ source: 'made up', arrays: sumTask(count, time) });
  const problemOf = (of: Model, time = 5) =>
    loadedArrays(config, of, { train: arrays(24, 5), valid: arrays(20, time) }).problem;

  /** Two linear layers over 5 · 2 numbers; `weights` puts them into the graph. */
  function linear(weights: (b: GraphBuilder, tensor: Tensor, i: number) => ReturnType<typeof matmul>): Model {
    const b = new GraphBuilder('linear');
    const flat = apply('Flatten', [b.input('x', 'float32', ['batch', 5, 2])]);
    const layer = (x: typeof flat, dims: number[], i: number) => matmul(x, weights(b, randomTensor(dims, i), i));
    b.output(layer(layer(flat, [10, 3], 1), [3, 2], 2), 'scores');
    return modelOf(b.build());
  }
  const plain = linear((b, tensor, i) => b.parameter(`w${i}`, tensor));

  it('takes weights in half precision', async () => {
    const half = (tensor: Tensor): Tensor => ({
      ...tensor,
      elementType: 'float16',
      data: Uint16Array.from(numbersOf(tensor), floatToHalf),
    });
    const rounded = linear((b, tensor, i) => cast(b.parameter(`w${i}`, half(tensor)), 'float32'));
    const [expected, got] = [
      await scorerOf(plain, problemOf(plain)).score('valid'),
      await scorerOf(rounded, problemOf(rounded)).score('valid'),
    ];
    expect(meanOf(got) / meanOf(expected)).toBeCloseTo(1, 2);
  });

  it('takes weights that are constants, and a model that has no other ones', async () => {
    const constant = linear((b, tensor) => b.constant(tensor));
    expect(constant.graph.initializers.size).toBe(0);
    const [expected, got] = [
      await scorerOf(plain, problemOf(plain)).score('valid'),
      await scorerOf(constant, problemOf(constant)).score('valid'),
    ];
    expect(meanOf(got)).toBeCloseTo(meanOf(expected), 6);
  });

  it('takes held-out examples of another length than those it was trained on', async () => {
    const of = recurrentModel();
    const other = problemOf(of, 9);
    const alone = loadedArrays(config, of, { train: arrays(20, 9) }).problem;
    const expected = await scorerOf(of, alone).score('train');
    const got = await scorerOf(of, other).score('valid');
    expect(got.count).toBe(20);
    expect(meanOf(got)).toBeCloseTo(meanOf(expected), 5);
  });
});
