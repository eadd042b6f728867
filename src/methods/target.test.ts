import { describe, expect, it } from 'vitest';
import {
  firstFor,
  matricesOf,
  methodConfig,
  methodFor,
  modelFor,
  penaltyOf,
  UPDATES,
} from '../../test/support/methods.ts';
import type { Settings } from '../base/fields.ts';
import { countParameters } from '../inspect/costs.ts';
import { checkMethod, methodOf } from './registry.ts';
import { parseTarget } from './target.ts';

describe('parseTarget', () => {
  it.each([
    ['units=0.3', { what: 'units', share: 0.3 }],
    ['params=0.25', { what: 'params', share: 0.25 }],
    ['units=.5', { what: 'units', share: 0.5 }],
  ] as const)('reads %s', (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each(
    [
      [
        'units=0',
        'units=1',
        'units=1.5',
        'units=-0.3',
        'units=',
        'units',
        '0.3',
        'units=30%',
        'units=0.3 ',
        'units=0,3',
      ],
      ['unit=0.3', 'weights=0.3', 'units=0.3=0.4', 'units=1e-1', ''],
    ].flat(),
  )("refuses '%s'", (text) => {
    expect(parseTarget(text)).toBeUndefined();
  });
});

describe('a target', () => {
  it.each([
    [10, 3e-3],
    [1e-3, 0.5 / (1e-3 * UPDATES * 4)],
  ])('begins with a λ that suits steps of %d', (learningRate, lambda) => {
    const course = { schedule: 'constant', learningRate, epochs: 4 };
    const penalty = (fields: Settings) => penaltyOf(methodFor({ ...course, ...fields }));
    const unit = penalty({ iss: 1, proximal: true });
    expect(penalty({ target: 'units=0.5' }) / unit).toBeCloseTo(lambda, 10);
    expect(penalty({ target: 'units=0.5', iss: 0.02 }) / unit).toBeCloseTo(0.02, 10);
  });

  it('counts the units of recurrent layers, not the columns of an embedding', () => {
    const fields = { target: 'units=0.3', issEmbedding: true };
    const { config, first } = methodFor(fields);
    expect(first.groups.layers.map(({ components }) => components.length)).toEqual([4, 3, 5]);
    const half = firstFor(config, modelFor({ ...config, model: { ...config.model, hidden: [2, 2], embedding: 1 } }));
    expect(methodOf(config.method).outcome!(config.method, first, half).reached).toBe(4 / 7);
  });

  // Of 7 units one in each layer stays; beside them the embedding of 45 weights.
  it.each<[Settings, string | undefined]>([
    [{ target: 'units=0.28' }, 'target units=0.28 cannot be reached: with one unit in each layer 28.6 % of the units'],
    [{ target: 'units=0.3' }, undefined],
    [{ target: 'params=0.25' }, 'let columns of the embedding vanish too'],
    [{ target: 'params=0.25', issEmbedding: true }, undefined],
    [{ target: 'params=0.5' }, undefined],
    [{ iss: 0.1 }, undefined],
  ])('%j is checked before training', (fields, message) => {
    const config = methodConfig(fields);
    const check = () => checkMethod(config.method, firstFor(config, modelFor(config)));
    if (message === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(message);
  });

  it.each<[Settings & { readonly target?: string }, number | undefined]>([
    [{ target: 'units=0.5' }, 4 / 7],
    [{ target: 'params=0.5' }, undefined],
    [{ iss: 0.1 }, undefined],
  ])('%j is compared with what is left', (fields, units) => {
    const config = methodConfig(fields);
    const first = modelFor(config);
    const last = modelFor({ ...config, model: { ...config.model, hidden: [2, 2] } });
    const outcome = methodOf(config.method).outcome?.(config.method, firstFor(config, first), firstFor(config, last));
    if (fields.target === undefined) return expect(outcome).toBeUndefined();
    const reached = units ?? countParameters(last.graph) / countParameters(first.graph);
    expect(outcome).toEqual({ what: fields.target.split('=')[0], asked: 0.5, reached });
  });

  it('is searched for ten times an epoch, by the clock of the learning rates', () => {
    const { method, model } = methodFor({ target: 'units=0.5', flatEpochs: 4, decay: 0.5, learningRate: 1 });
    const matrices = matricesOf(model, method!);
    const learned: number[] = [];
    for (let update = 0; update < 6 * UPDATES; update++) {
      method!.beforeUpdate(matrices, { update, gradientScale: 1 });
      learned.push(method!.state!().at as number);
    }
    // Rates of the epochs: 1, 1, 1, 1, 0.5, 0.25.
    const looks = [...new Set(learned)];
    expect(looks).toHaveLength(60);
    expect(looks[1]).toBeCloseTo(0.1 / 4.75, 12);
    expect(looks[40]).toBeCloseTo(4 / 4.75, 12);
    expect(looks[51]).toBeCloseTo((4.5 + 0.025) / 4.75, 12);
  });
});
