import { describe, expect, it } from 'vitest';
import { firstFor, type MadeMethod, methodConfig, methodFor, modelFor } from '../../test/support/methods.ts';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { rhnLanguageModel } from '../models/rhnLanguageModel.ts';
import {
  checkMethod,
  chooseMethod,
  describeMethod,
  methodLabel,
  methodOf,
  methods,
  withoutMethod,
} from './registry.ts';

describe('the methods', () => {
  it('have names of their own, and say what each field is for', () => {
    expect(new Set(methods.map((m) => m.name)).size).toBe(methods.length);
    for (const { name, label, fields, selector } of methods) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(label).not.toBe('');
      if (name !== 'dense' && name !== 'zeros-kept') expect(Object.keys(fields)).toContain(selector);
      for (const field of Object.values(fields))
        expect(field).toHaveProperty('description', expect.stringMatching(/./));
      expect(methodOf({ kind: name }).name).toBe(name);
      expect(methodLabel(name)).toBe(label);
    }
  });

  it('are dense under a name that is none', () => {
    expect(methodOf({ kind: 'later' }).name).toBe('dense');
    expect(methodLabel('later')).toBe('later');
  });

  it('can be taken out of settings', () => {
    const said = { epochs: 3, iss: 0.1, issLayers: [1], keepZeros: true, magnitude: 0.5, pruneTo: 3, method: 'target' };
    expect(withoutMethod(said)).toEqual({ epochs: 3 });
  });

  it('are chosen one at a time', () => {
    const nameOf = (field: string) => `--${field}`;
    const { kind, problems } = chooseMethod({ iss: 0.1, l1: 0.1, magnitude: 0.5, target: undefined }, nameOf);
    expect(kind.name).toBe('group-lasso');
    expect(problems).toEqual(['choose one of --iss, --l1, --magnitude']);
    expect(chooseMethod({ iss: 0.1, l1: 0, target: 'units=0.3' }, nameOf)).toMatchObject({
      kind: { name: 'target' },
      problems: [],
    });
  });
});

describe('the method of a configuration', () => {
  it.each<[Settings, string, string | undefined, string]>([
    [{}, 'dense', undefined, 'dense'],
    [{ l1: 0 }, 'dense', undefined, 'dense'],
    [{ iss: 0.01 }, 'group-lasso', 'group-lasso', 'ISS λ 0.01'],
    [{ iss: 0.01, proximal: true }, 'proximal', 'proximal', 'proximal ISS λ 0.01'],
    [{ target: 'units=0.3' }, 'target', 'target', 'ISS to units=0.3'],
    [{ l1: 1e-4 }, 'l1', 'l1', 'ℓ1, λ 0.0001'],
    [{ magnitude: 0.9 }, 'magnitude', 'magnitude', 'magnitude pruning to 0.9 zeros'],
    [{ magnitude: 0.9, pruneSchedule: 'narang' }, 'magnitude', 'magnitude', 'magnitude pruning to 0.9 zeros (Narang)'],
    [{ keepZeros: true }, 'zeros-kept', 'zeros-kept', 'zeros kept'],
    [{ l1: 1e-4, keepZeros: true }, 'l1', 'l1', 'ℓ1, λ 0.0001, zeros kept'],
  ])('%j is %s', (fields, kind, made, described) => {
    const { config, method } = methodFor(fields);
    expect(config.method.kind).toBe(kind);
    expect(method?.name).toBe(made);
    expect(describeMethod(config.method)).toBe(described);
  });

  it('cuts at the threshold of the configuration', () => {
    expect(methodFor({ iss: 0.01, threshold: 3e-4 }).method!.threshold).toBe(3e-4);
    expect(methodFor({ iss: 0.01, proximal: true, threshold: 3e-4 }).method!.threshold).toBe(3e-4);
    expect(methodFor({ l1: 1e-2, threshold: 3e-4 }).method!.threshold).toBe(2e-2);
  });

  const trained = ({ method, model }: MadeMethod) =>
    [...model.graph.initializers.keys()].filter((name) => method!.parameters.has(name));

  it('acts on recurrent layers and output with groups and pruning, not on the embedding unless asked', () => {
    const weights = ['lstm_0.weight', 'lstm_0.recurrent', 'lstm_1.weight', 'lstm_1.recurrent', 'head.weight'];
    expect(trained(methodFor({ iss: 0.01 }))).toEqual(weights);
    expect(trained(methodFor({ magnitude: 0.9 }))).toEqual(weights);
    expect(trained(methodFor({ keepZeros: true }))).toEqual(weights);
    expect(trained(methodFor({ iss: 0.01, issEmbedding: true }))).toEqual(['embedding', ...weights]);
    expect(trained(methodFor({ iss: 0.01, issEmbedding: true, keepZeros: true }))).toEqual(['embedding', ...weights]);
  });

  it('acts on all but tables of words with ℓ1, biases included', () => {
    const { method, model } = methodFor({ l1: 1e-4 });
    const names = [...model.graph.initializers.keys()];
    expect(names).toContain('embedding');
    expect([...method!.parameters].sort()).toEqual(names.filter((n) => n !== 'embedding').sort());
  });

  it.each<Settings>([{ l1: 1e-4 }, { magnitude: 0.9 }, { keepZeros: true }])(
    "%j leaves a tied table alone, which is the output's",
    (fields) => {
      const rhn = rhnLanguageModel({ vocabulary: 9, width: 4, depth: 2 });
      const sizes = { cell: 'rhn', hidden: [4], embedding: 4, depth: 2 };
      const { parameters } = methodFor({ ...fields, ...sizes }, rhn).method!;
      expect(parameters.has('embedding')).toBe(false);
      expect(parameters.has('rhn.recurrent_0')).toBe(true);
    },
  );
});

describe('zeros that are kept', () => {
  it('are wanted only where there are some, in a weight that can keep them', () => {
    const config = methodConfig({ keepZeros: true });
    const model = modelFor(config);
    const check = (of: typeof model) => () => checkMethod(config.method, firstFor(config, of));
    const zeroIn = (name: string) => {
      const tensor = model.graph.initializers.get(name)!;
      const data = (tensor.data as Float32Array).with(0, 0);
      const initializers = new Map(model.graph.initializers).set(name, { ...tensor, data });
      return check({ ...model, graph: { ...model.graph, initializers } });
    };
    expect(check(model)).toThrow('--keep-zeros: no weight of the first model is zero');
    expect(zeroIn('embedding')).toThrow(UsageError);
    expect(zeroIn('head.weight')).not.toThrow();
  });
});
