import { expect, it } from 'vitest';
import { makeCorpus } from '../data/makeCorpus.ts';
import type { Checkpoint } from '../runs/checkpoint.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { freshModel } from '../tasks/language-model/freshModel.ts';
import { checkConfig } from './config.ts';
import { InterruptedError } from './interrupted.ts';
import { presets } from './presets.ts';
import type { RunStore } from './store.ts';
import { train } from './trainer.ts';

const words = (count: number) => Array.from({ length: count }, (_, i) => `w${(i * i) % 7}`);
const corpus = makeCorpus('made up', 'made up', { train: words(200), valid: words(60), test: words(60) });
const sizes = { hidden: [4], embedding: 3, batch: 2, steps: 5, epochs: 2, threads: 1, iss: 0.01 };
const config = checkConfig({ ...presets['zaremba-small'], ...sizes }, 'test');
const start = { config, corpus, model: freshModel(config, corpus.vocabulary), runtime: nodeRuntime };

/** A store in memory; `onSave` is called after each checkpoint. */
function memoryStore(onSave: (saved: Checkpoint) => void): RunStore {
  let last: Checkpoint | undefined;
  return {
    load: async () => last,
    save: async (checkpoint) => {
      last = structuredClone(checkpoint);
      onSave(checkpoint);
    },
    place: () => undefined,
  };
}

const timeless = (history: readonly { seconds: number; tokensPerSecond: number }[]) =>
  history.map((epoch) => ({ ...epoch, seconds: 0, tokensPerSecond: 0 }));

it('keeps an epoch whose validation is stopped, and goes on to the same end', async () => {
  const whole = await train(start);
  const stop = new AbortController();
  const store = memoryStore(({ progress }) => {
    if (progress.epoch === 1 && progress.window > 0) stop.abort();
  });
  const stopped = train({ ...start, store, signal: stop.signal });
  await expect(stopped).rejects.toThrow('stopped while scoring the validation text; --resume goes on');
  await expect(stopped).rejects.toThrow(InterruptedError);

  let updates = 0;
  const resumed = await train({ ...start, store, resume: true, onWindow: () => updates++ });
  expect(updates).toBe(0);
  expect(timeless(resumed.history)).toEqual(timeless(whole.history));
  expect([...resumed.model.graph.initializers]).toEqual([...whole.model.graph.initializers]);
});

it('goes on from its own first weights, even when it was killed at once and the model of --init has changed', async () => {
  const whole = await train(start);
  const store = memoryStore(() => undefined);
  const killed = () => {
    throw new Error('killed');
  };
  await expect(train({ ...start, store, onWindow: killed })).rejects.toThrow('killed');

  const other = freshModel({ ...config, seed: 7 }, corpus.vocabulary);
  const resumed = await train({ ...start, model: other, store, resume: true });
  expect([...resumed.model.graph.initializers]).toEqual([...whole.model.graph.initializers]);
});
