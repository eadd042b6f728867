import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { checkConfig, learningRate, type TrainConfig } from './config.ts';
import { presets } from './presets.ts';

const preset = (name: string): TrainConfig => presets[name]!;

/** Learning rates of all epochs, the first one first. */
function rates(config: TrainConfig): number[] {
  return Array.from({ length: config.epochs }, (_, epoch) => learningRate(config, epoch));
}

describe('learningRate', () => {
  it('is flat for 4 epochs and then halves at each in zaremba-small', () => {
    const expected = [1, 1, 1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256, 1 / 512];
    expect(rates(preset('zaremba-small'))).toEqual(expected);
  });

  it('is flat for 6 epochs and then falls by 0.8 at each in zaremba-medium', () => {
    const all = rates(preset('zaremba-medium'));
    expect(all).toHaveLength(39);
    expect(all.slice(0, 6)).toEqual([1, 1, 1, 1, 1, 1]);
    all.slice(6).forEach((rate, i) => {
      expect(rate).toBeCloseTo(0.8 ** (i + 1), 12);
    });
  });

  it('is flat for 14 epochs and then falls by 1.15 at each in zaremba-large', () => {
    const all = rates(preset('zaremba-large'));
    expect(all).toHaveLength(55);
    expect(new Set(all.slice(0, 14))).toEqual(new Set([1]));
    all.slice(14).forEach((rate, i) => {
      expect(rate).toBeCloseTo(1.15 ** -(i + 1), 12);
    });
  });

  it('is 1 in epochs 1-18, 0.1 in 19-36, 0.01 in 37-54 and 0.001 in epoch 55 of iss-large', () => {
    const all = rates(preset('iss-large'));
    expect(all).toHaveLength(55);
    all.forEach((rate, i) => {
      const epoch = i + 1;
      expect(rate).toBeCloseTo(epoch <= 18 ? 1 : epoch <= 36 ? 0.1 : epoch <= 54 ? 0.01 : 0.001, 12);
    });
  });
});

describe('checkConfig', () => {
  const small = preset('zaremba-small');
  const problem = (change: Record<string, unknown>) => () => checkConfig({ ...small, ...change }, 'here');

  it('gives a good configuration back', () => {
    expect(checkConfig(small, 'here')).toEqual(small);
  });

  it('takes other cells, and the default one as if it were not named', () => {
    expect(checkConfig({ ...small, cell: 'gru' }, 'here')).toEqual({ ...small, cell: 'gru' });
    expect(checkConfig({ ...small, cell: 'lstm' }, 'here')).toEqual(small);
  });

  it.each([
    [{ epochs: 0 }, 'here: epochs: expected more than 0, got 0'],
    [{ epochs: 1.5 }, 'here: epochs: expected a whole number, got 1.5'],
    [{ iss: -1 }, 'here: iss: expected at least 0, got -1'],
    [{ keep: 0 }, 'here: keep: expected more than 0, got 0'],
    [{ keep: 1.1 }, 'here: keep: expected at most 1, got 1.1'],
    [{ decay: Number.NaN }, 'here: decay: expected a number, got NaN'],
    [{ hidden: [] }, 'here: hidden: expected a list of at least 1, got []'],
    [{ hidden: [12, -1] }, 'here: hidden (element 2): expected more than 0, got [12,-1]'],
    [{ hidden: 12 }, 'here: hidden: expected a list of whole numbers, got 12'],
    [{ cell: 'gur' }, 'here: cell: expected lstm or gru or rnn or rhn, got "gur" (did you mean \'gru\'?)'],
    [{ cell: 3 }, 'here: cell: expected lstm or gru or rnn or rhn, got 3'],
    [{ shrink: 'no' }, 'here: shrink: expected true or false, got "no"'],
    [{ seed: 2 ** 60 }, 'here: seed: expected'],
    [{ epoch: 3 }, "here: unknown field 'epoch' (did you mean 'epochs'?)"],
    [{ colour: 3 }, "here: unknown field 'colour'"],
    [{ iss: 0.1, l1: 0.1 }, 'here: choose one of iss, l1'],
    [{ target: 'units=0.3', magnitude: 0.5 }, 'here: choose one of target, magnitude'],
    [{ target: 'units=3' }, 'here: target: expected units=SHARE or params=SHARE, between 0 and 1, got "units=3"'],
    [{ proximal: true }, 'here: proximal needs iss (or target)'],
    [{ pruneTo: 3 }, 'here: pruneTo needs magnitude'],
    [{ magnitude: 0.5, pruneFrom: 4, pruneTo: 3 }, 'here: pruneTo must be more than pruneFrom, got 3 and 4'],
    [{ magnitude: 0.5, pruneTo: 30 }, 'here: pruneTo must be at most the 13 epochs, got 30'],
    [{ magnitude: 0.5, pruneFrom: 10 }, 'here: pruneTo must be more than pruneFrom, got 8.6'],
    [{ target: 'units=0.3', proximal: true }, 'here: target takes the proximal step anyway: leave out proximal'],
    [{ iss: 0.1, issLayers: [1] }, 'here: issLayers must have a factor for each of the 2 layers, got 1'],
    [{ iss: 0.1, issLayers: [1, 1, 1] }, 'here: issLayers must have a factor for each of the 2 layers, got 3'],
    [
      { iss: 0.1, issLayers: [1, 1, 1, 1], issEmbedding: true },
      'here: issLayers must have a factor for each of the 2 layers, and may have one for the embedding, got 4',
    ],
    [{ target: 'units=0.3', issLayers: [1, 0] }, 'here: issLayers must be above 0 with a target'],
    [{ magnitude: 0.5, keepZeros: true }, 'here: magnitude keeps zeros anyway: leave out keepZeros'],
    [
      { cell: 'rhn', hidden: [200], depth: 3, iss: 0.1, issEmbedding: true },
      'here: cell rhn has no columns of the embedding besides its units: leave out issEmbedding',
    ],
    [{ depth: 3 }, 'here: depth needs cell rhn'],
    [{ cell: 'rhn', hidden: [200] }, 'here: cell rhn needs depth'],
    [{ cell: 'rhn', depth: 3 }, "here: cell rhn needs one hidden size that is the embedding's, got 200, 200 and 200"],
    [{ clip: undefined }, 'here: missing clip'],
  ])('%o: %s', (change, message) => {
    expect(problem(change)).toThrow(message);
    expect(problem(change)).toThrow(UsageError);
  });

  it.each([
    { epochs: 2, magnitude: 0.5, pruneTo: 0.9 },
    { proximal: false, issEmbedding: false, issScaling: 'none' },
    { iss: 0.1, issLayers: [1, 1, 1], issEmbedding: true },
  ])('takes %o', (fields) => {
    expect(problem(fields)).not.toThrow();
  });

  it('lists all problems at once', () => {
    expect(problem({ iss: -1, batch: 0, steps: '5' })).toThrow(/iss: .*; .*|batch: .*; .*steps: /);
    expect(problem({ iss: -1, batch: 0 })).toThrow(
      'batch: expected more than 0, got 0; iss: expected at least 0, got -1',
    );
  });

  it.each([[null], [3], ['text'], [[1]]])('refuses %o', (config) => {
    expect(() => checkConfig(config, 'here')).toThrow(UsageError);
  });
});
