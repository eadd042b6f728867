import { describe, expect, it } from 'vitest';
import { wrongLossGradients } from '../../test/support/lossCheck.ts';
import { type TaskCase, taskCases } from '../../test/support/tasks.ts';
import { type Case, memoryStore, optionsFor, timeless, trainBatches, weightsOf } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import { isStatic } from '../graph/dims.ts';
import type { Model } from '../graph/types.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { InterruptedError } from '../train/errors.ts';
import { createScorer } from '../train/scorer.ts';
import { train } from '../train/trainer.ts';
import { assertEqual } from '../verify/verify.ts';
import { tasks } from './registry.ts';
import { isBetter, type ScoreValues, type Sums, scoresOf } from './score.ts';
import { type Batches, LOSS, type Problem, type Split, shapeKey, TARGETS } from './task.ts';

/*
 * What the trainer relies on, of every task.
 */

it('has a case for every task that is registered', () => {
  expect(taskCases.map((c) => c.name)).toEqual(tasks.map((t) => t.name));
});

const order = { epoch: 0, seed: 1, rank: 0, ranks: 1 };

/** The items of all batches, batch by batch. */
function itemsOf({ itemsIn }: TaskCase, batches: Batches): string[][] {
  return Array.from({ length: batches.count }, (_, i) => {
    const feeds = batches.feeds(batches.shapeOf(i));
    const counted = batches.fill(i, feeds);
    const items = itemsIn(feeds);
    expect(items, `batch ${i}`).toHaveLength(counted);
    return items;
  });
}

/** Items that stand in `some` more often than in `all`. */
function surplus(some: readonly string[], all: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const item of all) left.set(item, (left.get(item) ?? 0) + 1);
  return some.filter((item) => {
    const n = left.get(item) ?? 0;
    left.set(item, n - 1);
    return n <= 0;
  });
}

async function sumsOf(model: Model, problem: Problem, split: Split): Promise<Sums> {
  const scorer = createScorer(model, { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
  try {
    return await scorer.score(split);
  } finally {
    await scorer.release();
  }
}

async function scored(model: Model, { problem }: Case['task'], split: Split): Promise<ScoreValues> {
  return scoresOf(problem.scores, await sumsOf(model, problem, split));
}

describe.each(taskCases)('the batches of $name', (c) => {
  const { problem } = c.make().task;

  it.each(problem.splits)('hold what the %s data have, each item once', (split) => {
    const batches = problem.batches(split, order);
    const items = itemsOf(c, batches).flat();
    expect(items).toHaveLength(batches.items);
    expect(surplus(items, c.items(split))).toEqual([]);
    expect(c.items(split).length - items.length).toBeLessThanOrEqual(c.leftOut(1));
  });

  it.each(problem.splits)('are dealt out to ranks, %s data', (split) => {
    for (const ranks of [2, 3]) {
      const dealt = Array.from({ length: ranks }, (_, rank) => problem.batches(split, { ...order, rank, ranks }));
      expect(new Set(dealt.map((b) => b.count)).size, `${ranks} ranks wait for each other`).toBe(1);
      const items = dealt.map((batches) => itemsOf(c, batches).flat());
      expect(items.map((own) => own.length)).toEqual(dealt.map((b) => b.items));
      expect(surplus(items.flat(), c.items(split))).toEqual([]);
      expect(c.items(split).length - items.flat().length).toBeLessThanOrEqual(c.leftOut(ranks));
    }
  });

  it('are the same for the same epoch and seed, and have the same items in every other', () => {
    const first = itemsOf(c, trainBatches(problem));
    expect(itemsOf(c, c.make().task.problem.batches('train', order))).toEqual(first);
    for (const other of [{ epoch: 1 }, { seed: 2 }, { epoch: 5, seed: 3 }]) {
      const batches = problem.batches('train', { ...order, ...other });
      expect(itemsOf(c, batches).flat().sort()).toEqual(first.flat().sort());
    }
  });

  it('are filled into the same feeds again and again', () => {
    const batches = trainBatches(problem);
    const used = batches.feeds(batches.shapeOf(0));
    const alike = [...Array(batches.count).keys()].filter(
      (i) => shapeKey(batches.shapeOf(i)) === shapeKey(batches.shapeOf(0)),
    );
    for (const i of [...alike.reverse(), 0]) batches.fill(i, used);
    const fresh = batches.feeds(batches.shapeOf(0));
    batches.fill(0, fresh);
    expect(used).toEqual(fresh);
    expect(fresh[TARGETS]).toBeDefined();
  });
});

describe.each(taskCases)('the loss of $name', (c) => {
  const { task } = c.make();
  const { problem } = task;
  const shape = trainBatches(problem).shapeOf(0);

  it('is a scalar before the sums, in a graph of fixed sizes without recurrent operators', () => {
    const { graph, sums, judged } = problem.lossGraph(task.model(), shape);
    expect(graph.outputs[0]).toMatchObject({ name: LOSS, type: { elementType: 'float32', shape: [] } });
    const names = graph.outputs.map((o) => o.name);
    expect(names.slice(1, 1 + Object.keys(sums).length)).toEqual(Object.keys(sums));
    const others = names.slice(1 + Object.keys(sums).length);
    const own = judged?.outputs ?? [];
    expect(others.slice(0, own.length)).toEqual(own);
    expect(others.length > own.length).toBe(problem.carriesState);
    expect(lowerRecurrent(graph)).toBe(graph);
    for (const { name, type } of graph.inputs) expect(isStatic(type.shape), name).toBe(true);
    const given = Object.keys(trainBatches(problem).feeds(shape));
    expect(graph.inputs.map((v) => v.name)).toContain(TARGETS);
    expect(graph.inputs.map((v) => v.name)).toEqual(expect.arrayContaining(given));
  });

  it('takes batches of any sizes, or says that it does not', () => {
    const open = () => problem.lossGraph(task.model());
    if (!problem.scoresAnyShape) return;
    expect(open().graph.inputs.some(({ type }) => !isStatic(type.shape))).toBe(true);
    expect(open().graph.outputs[0]!.type.shape).toEqual([]);
  });

  it.skipIf(c.hasKinks)('has a gradient for every weight, that of finite differences', async () => {
    expect(await wrongLossGradients(task.model(), problem)).toEqual([]);
  });

  it('falls while it is trained, and is the same in training and in scoring', async () => {
    const { history, model } = await train(optionsFor(c.make({ epochs: 3 })));
    const { length } = history;
    expect(length).toBe(3);
    const [deciding] = problem.scores;
    const at = (i: number) => history[i]!.train[deciding!.name]!;
    expect(isBetter(deciding!, at(2), at(0)), `${at(0)} → ${at(2)}`).toBe(true);
    // The weights stay where they are at a learning rate of next to nothing, so both score the same model.
    const still = { ...c.make({ epochs: 1, learningRate: 1e-12 }), task: { ...task, model: () => model } };
    const trained = await train(optionsFor(still));
    const split = problem.splits.includes('valid') ? 'valid' : 'train';
    const before = await scored(model, task, split);
    expect(trained.history[0]!.valid).toEqual(before);
    const own = await sumsOf(model, problem, 'train');
    for (const { name, of } of problem.scores) {
      expect(trained.history[0]!.train[name]! / of(own), name).toBeCloseTo(1, 4);
    }
  });
});

describe.each(taskCases)('the scores of $name', (c) => {
  const { task } = c.make();
  const [deciding] = task.problem.scores;

  it('have names of their own, and figures for every split', async () => {
    const { scores, splits } = task.problem;
    expect(new Set(scores.map((s) => s.name)).size).toBe(scores.length);
    for (const split of splits) {
      const values = await scored(task.model(), task, split);
      expect(Object.keys(values)).toEqual(scores.map((s) => s.name));
      expect(Object.values(values).every(Number.isFinite), split).toBe(true);
    }
  });

  it('do not depend on how the data are cut into batches', async () => {
    const expected = await scored(task.model(), task, 'valid');
    for (const fields of c.recut) {
      const other = c.make(fields);
      const got = await scored(task.model(), other.task, 'valid');
      for (const [name, value] of Object.entries(expected)) {
        const difference = Math.abs(got[name]! - value);
        expect(difference, `${name}, ${JSON.stringify(fields)}`).toBeLessThanOrEqual(5e-6 * Math.abs(value));
      }
    }
  });

  it('come from sums: those of two parts together are those of the whole', async () => {
    const whole = await sumsOf(task.model(), task.problem, 'train');
    const twice: Sums = {
      count: 2 * whole.count,
      totals: Object.fromEntries(
        Object.entries(whole.totals).map(([name, values]) => [name, Array.from(values, (v) => 2 * v)]),
      ),
    };
    const { scores } = task.problem;
    for (const { name, of } of scores) expect(of(twice), name).toBeCloseTo(of(whole), 10);
  });

  it('are good for a model that knows the data, and bad for one with wild weights', async () => {
    const learned = c.make(c.learning);
    const { model } = await train(optionsFor(learned));
    const { [deciding!.name]: good } = await scored(model, learned.task, 'train');
    expect(isBetter(deciding!, good!, c.learned), `${good}`).toBe(true);
    const wild = new Map(
      [...model.graph.initializers].map(([name, t]) => [
        name,
        t.data instanceof Float32Array ? { ...t, data: t.data.map((w) => -20 * w) } : t,
      ]),
    );
    const { [deciding!.name]: bad } = await scored(
      { ...model, graph: { ...model.graph, initializers: wild } },
      learned.task,
      'train',
    );
    expect(isBetter(deciding!, c.absurd, bad!), `${bad}`).toBe(true);
  });
});

describe.each(taskCases)('$name', (c) => {
  it('has samples that its model runs on', async () => {
    const { task } = c.make();
    const model = withoutDropout(task.model());
    const feeds = task.problem.samples(model);
    expect(feeds.length).toBeGreaterThan(0);
    const { maxAbsDifference } = await assertEqual(nodeRuntime, model, model, { feeds });
    expect(maxAbsDifference).toBe(0);
  });

  it('has a digest of its data', () => {
    const digest = (fields?: Settings, seed?: number) => c.make(fields, seed).task.problem.digest;
    expect(digest()).toMatch(/^[0-9a-f]{64}$/);
    expect(digest({ epochs: 9 })).toBe(digest());
    expect(digest({}, 2)).not.toBe(digest());
    expect(c.make().task.data.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('goes on where it was stopped, be it in an update or while it is scored', async () => {
    const whole = await train(optionsFor(c.make()));
    const stop = { signal: new AbortController() };
    const store = memoryStore(({ progress }) => {
      if (progress.ended && progress.epoch === 0) stop.signal.abort();
    });
    const again = (signal: AbortSignal, onBatch = () => undefined) =>
      train({ ...optionsFor(c.make()), store, resume: true, signal, onBatch });
    for (const after of [3, Number.POSITIVE_INFINITY, 2]) {
      stop.signal = new AbortController();
      let updates = 0;
      const { signal } = stop;
      const stopped = again(signal.signal, () => {
        updates++;
        if (updates === after) signal.abort();
        return undefined;
      });
      await expect(stopped).rejects.toThrow(InterruptedError);
    }
    const resumed = await again(new AbortController().signal);
    expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    expect(weightsOf(resumed.model)).toEqual(weightsOf(whole.model));
  });
});
