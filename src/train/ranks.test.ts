import { describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { FEATURES, layer, taughtCase } from '../../test/support/distilling.ts';
import { randomTensor } from '../../test/support/graphs.ts';
import { meetingRanks } from '../../test/support/ranks.ts';
import { optionsFor, plainSetup, plainState, trainBatches } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import { randomStream } from '../base/random.ts';
import { readSettings } from '../config/readSettings.ts';
import { trainParts } from '../config/trainParts.ts';
import type { Corpus } from '../data/makeCorpus.ts';
import { int64s } from '../graph/attributes.ts';
import type { Model } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import { untrainedModel } from '../tasks/language-model/model.ts';
import { languageModelProblem } from '../tasks/language-model/problem.ts';
import { presets } from '../tasks/registry.ts';
import { type Collective, single } from './collective.ts';
import type { TrainOptions } from './options.ts';
import { memoryStore, type RunStore } from './store.ts';
import { train } from './trainer.ts';

const WORDS = 20;
const STEPS = 5;
/** Sequences side by side, in all processes together. */
const BATCH = 4;

/** A text that leaves a rest however it is cut into rows; every other word is half known. */
function text(): Corpus {
  const random = randomStream(5);
  const ids = (length: number) =>
    Int32Array.from({ length }, (_, i) => (i % 2 === 0 ? Math.floor(random() * WORDS) : Math.floor(random() * 3)));
  const vocabulary = { words: [], ids: new Map<string, number>() };
  const held = ids(BATCH * (4 * STEPS + 1));
  return {
    ...{ name: 'text', source: 'made', sha256: '', vocabulary },
    ...{ train: ids(BATCH * (6 * STEPS + 1) + 3), valid: held, test: held },
  };
}

/** What else a training of the tests may be given. */
type Extra = Partial<Pick<TrainOptions, 'store' | 'resume' | 'signal' | 'onBatch'>>;

async function trained(collective: Collective, settings: Settings = {}, extra: Extra = {}) {
  const sizes = { hidden: [6, 6], embedding: 5, steps: STEPS, batch: BATCH, initScale: 0.5 };
  const config = readSettings('test', { ...sizes, epochs: 3, threads: 1, ...settings }, presets['zaremba-small']);
  return train({
    ...trainParts(config),
    ...{
      model: untrainedModel(config, WORDS),
      problem: languageModelProblem({ ...config, batch: BATCH / collective.ranks }, text()),
    },
    ...{ runtime: nodeRuntime, collective, ...extra },
  });
}

function trainedOnArrays(collective: Collective) {
  const settings = { loss: 'cross-entropy', targetArray: 'y', optimizer: 'sgd', learningRate: 0.5, decay: 1 };
  const sizes = { epochs: 3, batch: BATCH / collective.ranks, threads: 1 };
  const config = readSettings('test', { task: 'arrays', ...settings, ...sizes });
  const data = (count: number, seed: number) => ({ source: 'made', arrays: sumTask(count, 5, seed) });
  const { problem, model } = loadedArrays(config, recurrentModel(), { train: data(10, 1), valid: data(6, 2) });
  return train({ ...trainParts(config), problem, model: model(), runtime: nodeRuntime, collective });
}

async function trainedByTeacher(collective: Collective) {
  const arrays = (count: number, seed: number) => {
    const lengths = Array.from({ length: count }, (_, n) => 1 + ((3 * n) % STEPS));
    return new Map([
      ['x', randomTensor([count, STEPS, FEATURES], seed)],
      ['lengths', int64s([count], lengths)],
    ]);
  };
  const [student, teacher] = [
    layer({ hidden: 3, seed: 1, form: 'whole' }),
    layer({ hidden: 5, seed: 9, form: 'whole' }),
  ];
  const settings = {
    lengths: 'lengths',
    optimizer: 'sgd',
    learningRate: 0.05,
    epochs: 3,
    batch: BATCH / collective.ranks,
  };
  const { config, task } = await taughtCase(student, teacher, arrays(10, 1), settings, arrays(6, 2));
  return train({ ...optionsFor({ config, task }), collective });
}

function weightsOf({ graph }: Model): Record<string, number[]> {
  return Object.fromEntries([...graph.initializers].map(([name, { data }]) => [name, Array.from(data, Number)]));
}

describe('two ranks that train together', () => {
  it.each([
    { method: 'dense', settings: {} },
    { method: 'group lasso', settings: { iss: 0.01, threshold: 0.02, shrinkEvery: 4 } },
    { method: 'averaged gradient descent', settings: { optimizer: 'asgd' } },
    { method: 'Adam', settings: { optimizer: 'adam', learningRate: 0.01, ema: 0.9 } },
    { method: 'pruning with Adam', settings: { optimizer: 'adam', learningRate: 0.01, magnitude: 0.5, pruneEvery: 3 } },
    { method: 'dropout', settings: { keep: 0.8, keepWords: 0.8, keepRecurrent: 0.8, variational: true, tied: true } },
  ])('have the same model, and tell the same: $method', async ({ settings }) => {
    const [first, second] = await Promise.all(meetingRanks(2).map((rank) => trained(rank, settings)));
    expect(weightsOf(second!.model)).toEqual(weightsOf(first!.model));
    const told = ({ history }: typeof first & object) =>
      history.map(({ train, valid, units }) => ({ train, valid, units }));
    expect(told(second!)).toEqual(told(first!));
  });

  it.each([
    { task: 'text in windows', learn: (c: Collective) => trained(c) },
    { task: 'text with Adam', learn: (c: Collective) => trained(c, { optimizer: 'adam', learningRate: 0.01 }) },
    { task: 'text with dropout', learn: (c: Collective) => trained(c, { keep: 0.6, keepWords: 0.8 }) },
    {
      task: 'text with a mask for all steps of a window',
      learn: (c: Collective) => trained(c, { keep: 0.6, keepRecurrent: 0.7, variational: true }),
    },
    { task: 'text with a tied embedding', learn: (c: Collective) => trained(c, { tied: true, iss: 0.001 }) },
    {
      task: 'text with units of the embedding',
      learn: (c: Collective) => trained(c, { issEmbedding: true, iss: 0.001 }),
    },
    // Two batches and a half of four examples: the last one is empty in the second rank.
    { task: 'arrays', learn: trainedOnArrays },
    { task: 'a teacher of sequences of different lengths', learn: trainedByTeacher },
  ])('learn what one does with twice the batch: $task', async ({ learn }) => {
    const [both] = await Promise.all(meetingRanks(2).map(learn));
    const alone = await learn(single);
    const [expected, got] = [weightsOf(alone.model), weightsOf(both!.model)];
    for (const [name, values] of Object.entries(expected)) {
      values.forEach((value, i) => void expect(got[name]![i], `${name}[${i}]`).toBeCloseTo(value, 4));
    }
    for (const [i, { train, valid }] of alone.history.entries()) {
      const shared = both!.history[i]!;
      for (const [name, value] of Object.entries(train)) expect(shared.train[name]).toBeCloseTo(value, 3);
      for (const [name, value] of Object.entries(valid!)) expect(shared.valid![name]).toBeCloseTo(value, 3);
    }
  });
});

describe('two ranks whose run is stopped', () => {
  const settings = { keep: 0.7, iss: 0.01, threshold: 0.02, shrinkEvery: 4 };
  const told = (all: readonly Awaited<ReturnType<typeof trained>>[]) =>
    all.map(({ model, history }) => [
      weightsOf(model),
      history.map(({ train, valid, alive }) => [train, valid, alive]),
    ]);

  /** Stops two ranks in the second epoch, at the wish of the second one alone; returns what they left. */
  async function stopped(): Promise<RunStore> {
    const store = memoryStore();
    const stop = new AbortController();
    const runs = meetingRanks(2).map((rank) =>
      trained(rank, settings, {
        store,
        ...(rank.rank === 1 && {
          signal: stop.signal,
          onBatch: ({ epoch, batch }) => void (epoch === 2 && batch === 2 && stop.abort()),
        }),
      }),
    );
    const ended = await Promise.allSettled(runs);
    for (const run of ended)
      expect(run).toMatchObject({ reason: { message: expect.stringMatching('stopped in epoch 2') } });
    return store;
  }

  it('go on to the end of a run that was not', async () => {
    const undisturbed = await Promise.all(meetingRanks(2).map((rank) => trained(rank, settings)));
    const store = await stopped();
    const resumed = await Promise.all(meetingRanks(2).map((rank) => trained(rank, settings, { store, resume: true })));
    expect(told(resumed)).toEqual(told(undisturbed));
  });

  it('cannot be followed by another number of ranks in the middle of an epoch', async () => {
    const store = await stopped();
    await expect(trained(single, settings, { store, resume: true })).rejects.toThrow(
      'in the middle of an epoch that 2 processes (mpirun -n 2) trained, and this is one',
    );
  });

  it('can be between epochs', async () => {
    const store = memoryStore();
    await trained(single, settings, { store, resume: true });
    const resumed = await Promise.all(meetingRanks(2).map((rank) => trained(rank, settings, { store, resume: true })));
    expect(resumed.map(({ history }) => history.length)).toEqual([3, 3]);
  });
});

it('ranks drop other values of their batches', async () => {
  const config = readSettings(
    'test',
    { hidden: [6], embedding: 5, steps: STEPS, batch: 2, keep: 0.5 },
    presets['zaremba-small'],
  );
  // The same text in both parts, so that only dropout tells the ranks apart.
  const half = text().train.slice(0, 62);
  const problem = languageModelProblem(config, { ...text(), train: Int32Array.of(...half, ...half) });
  const losses = await Promise.all(
    meetingRanks(2).map(async (rank) => {
      const alone = { ...rank, sum: async () => undefined };
      const state = await plainState(untrainedModel(config, WORDS), plainSetup(problem, { collective: alone }));
      const { loss } = await state.step(trainBatches(problem, 0, rank), 0, { rate: 0, update: 0 });
      await state.release();
      return loss;
    }),
  );
  expect(losses[0]).not.toBe(losses[1]);
});
