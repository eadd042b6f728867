import { describe, expect, it } from 'vitest';
import { tinyCorpus } from '../../../test/support/tasks.ts';
import { configOf, memoryStore, optionsFor, timelessCheckpoint } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import type { Model } from '../../graph/types.ts';
import { countParameters } from '../../inspect/costs.ts';
import { InterruptedError } from '../../train/errors.ts';
import { finishModels } from '../../train/finish.ts';
import { train } from '../../train/trainer.ts';
import { freshModel } from './model.ts';
import { loadedText } from './problem.ts';

/*
 * The presets that use all that there is: tied embeddings, dropout for a whole window, averages of weights, units of
 * layers and columns of the embedding that vanish.
 */

const small = {
  hidden: [6, 5],
  steps: 5,
  batch: 3,
  initScale: 0.7,
  epochs: 4,
  keep: 0.9,
  keepWords: 0.9,
  keepRecurrent: 0.9,
};
const kinds: readonly Settings[] = [
  { embedding: 4 },
  { embedding: 5 },
  {
    embedding: 4,
    optimizer: 'adam',
    learningRate: 0.01,
    ema: 0.9,
    iss: 8,
    flatEpochs: undefined,
    decay: undefined,
    schedule: 'cosine',
  },
  { embedding: 5, cell: 'gru', iss: 0.16 },
];
const columns = (model: Model) => model.graph.initializers.get('embedding')!.dims[1];

describe.each(kinds)('modern-small with %o', (fields) => {
  const config = configOf(
    {
      ...small,
      iss: 0.08,
      trainCollapsed: true,
      shrinkEvery: 10,
      nonMonotone: fields.optimizer ? undefined : 1,
      ...fields,
    },
    'modern-small',
  );
  const corpus = tinyCorpus();
  const task = loadedText(config, corpus, freshModel(config, corpus.vocabulary));

  it('shrinks while it is trained, without loss, and goes on as if it had not been stopped', async () => {
    const start = { ...optionsFor({ config, task }), verifiesShrinks: true };
    const [whole, halted] = [memoryStore(), memoryStore()];
    const shrinks: (readonly number[])[] = [];
    const trained = await train({ ...start, store: whole, onShrink: (_, to) => shrinks.push(to) });
    expect(shrinks.length).toBeGreaterThan(0);
    const { model, slim, kept } = await finishModels(trained, start);
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-5);
    expect(countParameters(slim!.model.graph)).toBeLessThan(countParameters(start.model.graph));
    expect(columns(slim!.model)).toBeLessThanOrEqual(columns(start.model)!);
    expect(kept!.map((units) => units.length).at(-1)).toBe(columns(slim!.model));
    expect(model.graph.nodes.some((n) => n.op === 'Dropout')).toBe(false);

    for (const after of [5, 40]) {
      const stop = new AbortController();
      let updates = 0;
      const onBatch = () => {
        updates++;
        if (updates === after) stop.abort();
      };
      const stopped = train({ ...start, store: halted, resume: true, signal: stop.signal, onBatch });
      await expect(stopped).rejects.toThrow(InterruptedError);
    }
    const resumed = await train({ ...start, store: halted, resume: true });
    expect(timelessCheckpoint(halted.last!)).toEqual(timelessCheckpoint(whole.last!));
    expect(resumed.model).toEqual(trained.model);
  });
});
