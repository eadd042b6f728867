import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../config/resolve.ts';
import type { RunConfig } from '../../config/runConfig.ts';
import { scheduleOf } from '../../optimizers/schedules/registry.ts';
import { presets as all, tasks } from '../registry.ts';
import { untrainedModel } from './model.ts';
import { demoPreset, presets } from './presets.ts';

const named = { ...presets, demo: demoPreset };
const resolved = (name: string): RunConfig =>
  resolveConfig(named[name as keyof typeof named]!, { source: `preset ${name}`, tasks });

describe('presets', () => {
  it.each(Object.keys(named))('%s is a complete configuration, whose values all go with each other', (name) => {
    const { hidden, embedding } = resolved(name).model;
    expect(hidden).toEqual(expect.arrayContaining([expect.any(Number)]));
    expect(embedding).toBeGreaterThan(0);
  });

  it('are in the list of all tasks, with their task', () => {
    for (const [name, preset] of Object.entries(presets))
      expect(all[name]).toEqual({ task: 'language-model', ...preset });
  });

  // init, learning rate, clip, steps, hidden, epochs, keep, decay, batch: Zaremba et al. (2014) and the ISS paper's code.
  it.each([
    ['zaremba-small', 0.1, 1, 5, 20, 200, 13, 1, 0.5, 20],
    ['zaremba-medium', 0.05, 1, 5, 35, 650, 39, 0.5, 0.8, 20],
    ['zaremba-large', 0.04, 1, 10, 35, 1500, 55, 0.35, 1 / 1.15, 20],
    ['iss-large', 0.04, 1, 10, 35, 1500, 55, 0.6, 0.1, 20],
  ])(
    '%s has the published values',
    (name, initScale, learningRate, clip, steps, hidden, epochs, keep, decay, batch) => {
      expect(resolved(name)).toMatchObject({
        task: { steps },
        model: { kind: 'lstm', initScale, hidden: [hidden, hidden], embedding: hidden, keep },
        optimizer: { kind: 'sgd', weightDecay: 0 },
        schedule: { kind: 'step', learningRate, decay },
        ...{ clip, epochs, batch },
      });
    },
  );

  it('iss-large has the λ and τ of the paper', () => {
    expect(resolved('iss-large')).toMatchObject({ method: { kind: 'group-lasso', iss: 0.00245 }, threshold: 1e-4 });
  });

  it('are dense unless their name says otherwise', () => {
    for (const name of Object.keys(presets)) {
      const isSparse = name.includes('iss') || name.startsWith('modern');
      expect(resolved(name).method.kind !== 'dense', name).toBe(isSparse);
    }
  });

  // Drops x, i, h, o of .25 .75 .25 .75, and 0.6 times as much with ISS.
  it.each([
    ['rhn-sota', 0.75, 0.25, 0.75],
    ['rhn-iss', 0.85, 0.55, 0.85],
  ])('%s has the published values', (name, keepWords, keep, keepState) => {
    expect(resolved(name)).toMatchObject({
      model: {
        ...{ kind: 'rhn', hidden: [830], embedding: 830, depth: 10, transformBias: -2, initScale: 0.04 },
        ...{ keepWords, keep, keepState },
      },
      schedule: { kind: 'step', learningRate: 0.2, decay: 1 / 1.02, flatEpochs: 20 },
      task: { steps: 35 },
      ...{ threshold: 4e-4, epochs: 500, clip: 10, batch: 20 },
    });
  });

  it.each(['modern-small', 'modern-medium'])(
    '%s ties the embedding and drops weights, words and masks for a window',
    (name) => {
      const config = resolved(name);
      expect(config.model).toMatchObject({ tied: true, variational: true });
      const { keepRecurrent, keepWords, keep, embedding, hidden } = config.model;
      for (const kept of [keepRecurrent, keepWords, keep]) expect(kept).toBeLessThan(1);
      expect(hidden).not.toContain(embedding);
      expect(config.method).toMatchObject({ kind: 'proximal', issEmbedding: true });
    },
  );

  it('make models', () => {
    const words = 11;
    const { model, seed } = resolved('rhn-small');
    const dims = (name: string, config: Pick<RunConfig, 'model' | 'seed'>) =>
      untrainedModel(config, words).graph.initializers.get(name)?.dims;
    expect(dims('rhn.recurrent_3', { model, seed })).toEqual([400, 200]);
    expect(dims('projection.weight', resolved('modern-small'))).toEqual([300, 200]);
    expect(dims('lstm_1.weight', resolved('direct-large'))).toEqual([1, 4 * 315, 373]);
  });
});

/** Learning rates of all epochs, the first one first. */
function rates(name: string): number[] {
  const { schedule, epochs } = resolved(name);
  const { rate } = scheduleOf(schedule, { epochs });
  return Array.from({ length: epochs }, (_, epoch) => rate({ epoch, share: 0.5, update: 7 * epoch, history: [] }));
}

describe('the learning rate', () => {
  it('is flat for 4 epochs and then halves at each in zaremba-small', () => {
    const expected = [1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256, 1 / 512];
    expect(rates('zaremba-small')).toEqual(expected);
  });

  it('is flat for 6 epochs and then falls by 0.8 at each in zaremba-medium', () => {
    const own = rates('zaremba-medium');
    expect(own).toHaveLength(39);
    expect(own.slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1]);
    own.slice(6).forEach((rate, i) => {
      expect(rate).toBeCloseTo(0.8 ** (i + 1), 12);
    });
  });

  it('is flat for 14 epochs and then falls by 1.15 at each in zaremba-large', () => {
    const own = rates('zaremba-large');
    expect(own).toHaveLength(55);
    expect(new Set(own.slice(0, 14))).toEqual(new Set([1]));
    own.slice(14).forEach((rate, i) => {
      expect(rate).toBeCloseTo(1.15 ** -(i + 1), 12);
    });
  });

  it('is 1 in epochs 1-18, 0.1 in 19-36, 0.01 in 37-54 and 0.001 in epoch 55 of iss-large', () => {
    const own = rates('iss-large');
    expect(own).toHaveLength(55);
    own.forEach((rate, i) => {
      const epoch = i + 1;
      expect(rate).toBeCloseTo(epoch <= 18 ? 1 : epoch <= 36 ? 0.1 : epoch <= 54 ? 0.01 : 0.001, 12);
    });
  });

  it('stays what it is in modern-small, whose weights are averaged instead', () => {
    expect(new Set(rates('modern-small'))).toEqual(new Set([1]));
    expect(resolved('modern-small').optimizer).toMatchObject({ kind: 'asgd', nonMonotone: 5 });
  });
});
