import { describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { configOf, memoryStore, optionsFor, timeless, trainBatches, weightsOf } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import type { Model } from '../graph/types.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import { InterruptedError, TrainingDivergedError } from './errors.ts';
import type { TrainOptions } from './options.ts';
import { train } from './trainer.ts';

const [text] = taskCases;
const startOf = (fields: Settings = {}): TrainOptions => optionsFor(text!.make({ iss: 0.01, ...fields }));

describe('a training that is stopped', () => {
  it('keeps an epoch whose scoring is stopped, and goes on to the same end', async () => {
    const whole = await train(startOf());
    const stop = new AbortController();
    const store = memoryStore(({ progress }) => {
      if (progress.epoch === 1 && progress.ended) stop.abort();
    });
    const stopped = train({ ...startOf(), store, signal: stop.signal });
    await expect(stopped).rejects.toThrow('stopped while scoring the validation data; --resume goes on');
    await expect(stopped).rejects.toThrow(InterruptedError);

    let updates = 0;
    const resumed = await train({ ...startOf(), store, resume: true, onBatch: () => updates++ });
    expect(updates).toBe(0);
    expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    expect(weightsOf(resumed.model)).toEqual(weightsOf(whole.model));
  });

  it('goes on from its own first weights, even when it was killed at once and its first model has changed', async () => {
    const whole = await train(startOf());
    const store = memoryStore();
    const killed = () => {
      throw new Error('killed');
    };
    await expect(train({ ...startOf(), store, onBatch: killed })).rejects.toThrow('killed');

    const { model } = startOf({ initScale: 0.7 });
    expect(weightsOf(model)).not.toEqual(weightsOf(startOf().model));
    const resumed = await train({ ...startOf(), model, store, resume: true });
    expect(weightsOf(resumed.model)).toEqual(weightsOf(whole.model));
  });

  it('says so, with what to do where there is a checkpoint', async () => {
    const stop = AbortSignal.abort();
    await expect(train({ ...startOf(), signal: stop, store: memoryStore() })).rejects.toThrow(
      /^stopped in epoch 1; --resume goes on from here$/,
    );
    await expect(train({ ...startOf(), signal: stop })).rejects.toThrow(/^stopped in epoch 1$/);
  });

  it('may be stopped after an epoch, and goes on as if it had not been', async () => {
    const whole = await train(startOf({ epochs: 3 }));
    const store = memoryStore();
    const first = await train({ ...startOf({ epochs: 3 }), store, untilEpoch: 1 });
    expect(first.history).toHaveLength(1);
    const second = await train({ ...startOf({ epochs: 3 }), store, untilEpoch: 2, resume: true });
    expect(second.history).toHaveLength(2);
    const last = await train({ ...startOf({ epochs: 3 }), store, resume: true });
    expect(timeless(last.history)).toEqual(timeless(whole.history));
    expect(weightsOf(last.model)).toEqual(weightsOf(whole.model));
  });

  it('ends when the score has not become better for so many epochs, also when it is resumed', async () => {
    // The score can only become worse.
    const worse = { epochs: 20, learningRate: 1e-12, patience: 2 };
    const start = startOf({ iss: 0, ...worse });
    const store = memoryStore();
    const scores = [5, 4, 4.5, 4, 3, 2];
    const problem = { ...start.problem, scores: [{ ...start.problem.scores[0]!, of: () => 0 }] };
    const of = () => scores[Math.min(store.last?.progress.history.length ?? 0, scores.length - 1)]!;
    problem.scores[0]!.of = of;
    const { history } = await train({ ...start, problem, store });
    expect(history.map((m) => m.valid!.perplexity)).toEqual([5, 4, 4.5, 4]);
    const again = await train({ ...start, problem, store, resume: true });
    expect(timeless(again.history)).toEqual(timeless(history));
  });
});

describe('a training', () => {
  it('asks for the digest of configuration and data, and gives it to checkpoints', async () => {
    const asked: string[] = [];
    const store = memoryStore();
    const load = store.load;
    store.load = (digest) => {
      asked.push(digest);
      return load(digest);
    };
    const start = startOf({ epochs: 1 });
    await train({ ...start, store, resume: true });
    expect(asked).toEqual([`${start.digest} ${start.problem.digest}`]);
    expect(store.last!.progress.digest).toBe(asked[0]);
  });

  it('writes checkpoints at the start, every so many updates, before it scores and after each epoch', async () => {
    const at: string[] = [];
    const store = memoryStore(({ progress: { epoch, batch, ended } }) => at.push(`${epoch} ${batch} ${ended}`));
    const start = startOf({ checkpointEvery: 10, epochs: 2 });
    const { count } = trainBatches(start.problem);
    expect(count).toBe(24);
    await train({ ...start, store });
    // Updates 10 and 20 of the first epoch, 30 and 40 in all of the second.
    const [first, second] = [
      ['0 10 false', '0 20 false'],
      ['1 6 false', '1 16 false'],
    ];
    const expected = ['0 0 false', ...first, '0 24 true', '1 0 false', ...second, '1 24 true', '2 0 false'];
    expect(at).toEqual(expected);
  });

  it('tells before the first update what it is about to do, and writes nothing before', async () => {
    const told: string[] = [];
    const store = memoryStore(() => told.push('saved'));
    await train({
      ...startOf({ epochs: 1 }),
      store,
      onReady(start) {
        told.push('ready');
        expect(start.layers).toEqual([
          { name: 'lstm_0', units: 4 },
          { name: 'lstm_1', units: 3 },
        ]);
        expect(start.parameters).toBe(9 * 3 + 4 * 4 * (3 + 4 + 1) + 4 * 3 * (4 + 3 + 1) + 3 * 9 + 9);
      },
      onBatch: () => told.push('batch'),
    });
    expect(told.slice(0, 3)).toEqual(['ready', 'saved', 'batch']);
  });

  it('shows where it is', async () => {
    const seen: [number, number][] = [];
    await train({
      ...startOf(),
      onBatch({ epoch, epochs, batch, batches, score, units, alive, itemsPerSecond, secondsLeft }) {
        seen.push([epoch, batch]);
        expect([epochs, batches]).toEqual([2, 24]);
        expect(score.name).toBe('perplexity');
        expect(score.value).toBeGreaterThan(1);
        expect(units.length).toBe(2);
        expect(alive.every((n, i) => n <= units[i]!)).toBe(true);
        expect(itemsPerSecond).toBeGreaterThan(0);
        expect(secondsLeft).toBeGreaterThanOrEqual(0);
      },
    });
    expect(seen).toEqual([1, 2].flatMap((epoch) => Array.from({ length: 24 }, (_, i) => [epoch, i + 1])));
  });

  it('says where it diverged, why, and what is left', async () => {
    const place = { ...memoryStore(), place: () => 'runs/mine' };
    const diverging = train({ ...startOf({ learningRate: 1e30, clip: 1e30 }), store: place });
    await expect(diverging).rejects.toThrow(TrainingDivergedError);
    await expect(diverging).rejects.toThrow(
      /^training diverged: .* in epoch 1 at update \d+ \(learning rate 1e\+30\)\. .*lower --learning-rate or --clip.* The last checkpoint, from before, is kept in runs\/mine\.$/,
    );
    await expect(diverging).rejects.toMatchObject({ epoch: 1, reason: expect.stringMatching(/^training diverged/) });
  });

  it('leaves a dense model as it came but for its weights', async () => {
    const config = configOf({ task: 'arrays', loss: 'cross-entropy', targetArray: 'y', epochs: 1, batch: 8 });
    const given: Model = {
      ...recurrentModel({ streaming: true, op: 'GRU' }),
      metadata: { author: 'me' },
      producer: 'mine',
    };
    const task = loadedArrays(config, given, { train: { source: 'made up', arrays: sumTask(24) } });
    const { model } = await train(optionsFor({ config, task }));
    expect(weightsOf(model)).not.toEqual(weightsOf(given));
    const initializers = new Map<string, never>();
    const bare = (m: Model) => ({ ...m, graph: { ...m.graph, initializers } });
    expect(bare(model)).toEqual(bare(given));
  });
});
