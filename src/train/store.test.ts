import { expect, it } from 'vitest';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor, timeless, weightsOf } from '../../test/support/training.ts';
import type { TrainOptions } from './options.ts';
import { memoryStore } from './store.ts';
import { train } from './trainer.ts';

const [text] = taskCases;
const start = (): TrainOptions => optionsFor(text!.make({ iss: 0.01 }));

/** Stops after so many updates. */
async function stopped(updates: number) {
  const store = memoryStore();
  const stop = new AbortController();
  let done = 0;
  const onBatch = () => {
    done++;
    if (done === updates) stop.abort();
  };
  await expect(train({ ...start(), store, signal: stop.signal, onBatch })).rejects.toThrow('stopped in epoch');
  return store;
}

it('goes on to the same end, whatever becomes of the memory that was trained in', async () => {
  const whole = await train(start());
  const store = await stopped(3);
  for (let again = 0; again < 2; again++) {
    const ended = await train({ ...start(), store: { ...store, save: async () => undefined }, resume: true });
    expect(timeless(ended.history)).toEqual(timeless(whole.history));
    expect(weightsOf(ended.model)).toEqual(weightsOf(whole.model));
  }
});

it('gives the model of the last update when no further epoch is asked for', async () => {
  const store = await stopped(3);
  const ended = await train({ ...start(), store, resume: true, untilEpoch: 0 });
  const { model, kept } = ended;
  expect(ended.history).toEqual([]);
  expect(kept).toEqual(ended.start.layers.map(({ units }) => [...Array(units).keys()]));
  expect(weightsOf(model)).not.toEqual(weightsOf(start().model));
});

it('has nothing for another run', async () => {
  const store = await stopped(1);
  expect(await store.load('other')).toBeUndefined();
});
