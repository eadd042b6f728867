import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { presets, tasks } from '../tasks/registry.ts';
import { flattened, resolveConfig, settingsOf } from './resolve.ts';
import type { RunConfig } from './runConfig.ts';

const small = presets['zaremba-small']!;
const resolve = (settings: Settings, base: Settings = {}): RunConfig =>
  resolveConfig(settings, { source: 'here', tasks, base });
/** A complete configuration with some fields changed. */
const changed = (change: Settings) => () => resolve({ ...small, ...change });

describe('resolveConfig', () => {
  it('chooses a kind of each part', () => {
    expect(changed({})()).toEqual({
      task: { kind: 'language-model', steps: 20 },
      model: { kind: 'lstm', hidden: [200, 200], embedding: 200, initScale: 0.1, keep: 1 },
      method: { kind: 'dense' },
      optimizer: { kind: 'sgd', weightDecay: 0 },
      schedule: { kind: 'step', learningRate: 1, decay: 0.5, flatEpochs: 4, decayEvery: 0, warmup: 0 },
      ...{ epochs: 13, batch: 20, clip: 5, threshold: 1e-4, shrink: true, shrinkEvery: 200, seed: 1 },
      checkpointEvery: 1000,
    });
  });

  it("takes what the user says in place of a preset's alternative to it", () => {
    expect(resolve({ setEpsilon: 3 }, presets['set-lstm']).method).toEqual({
      kind: 'set',
      setShare: 0.3,
      setEpsilon: 3,
    });
    const both = () => resolve({ setEpsilon: 3, density: 0.1 }, presets['set-lstm']);
    expect(both).toThrow('choose one of density and setEpsilon');
  });

  it('takes the rate and the threshold of an optimizer for which they mean something else than for that of a preset', () => {
    const adam = resolve({ optimizer: 'adam', iss: 0.01 }, small);
    expect([adam.schedule.learningRate, adam.threshold]).toEqual([1e-3, 1e-3]);
    const own = resolve({ optimizer: 'adamw', learningRate: 0.006, threshold: 1e-5 }, presets['modern-small']);
    expect([own.schedule.learningRate, own.threshold]).toEqual([0.006, 1e-5]);
    // τ goes with the rate that is said.
    expect(resolve({ optimizer: 'adam', learningRate: 0.002 }, small).threshold).toBe(0.002);
    for (const optimizer of ['sgd', 'asgd']) {
      const alike = resolve({ optimizer }, small);
      expect([alike.schedule.learningRate, alike.threshold]).toEqual([1, 1e-4]);
    }
    // A sum of gradients is some ten times as large as one.
    const summed = resolve({ optimizer: 'momentum' }, small);
    expect([summed.schedule.learningRate, summed.threshold]).toEqual([0.01, 1e-4]);
    const sentiment = resolve({ optimizer: 'sgd' }, { ...presets.sentiment, learningRate: 0.002 });
    expect([sentiment.schedule.learningRate, sentiment.threshold]).toEqual([0.1, 1e-4]);
    const same = resolve({ optimizer: 'adamw' }, { ...presets.sentiment, learningRate: 0.002 });
    expect(same.schedule.learningRate).toBe(0.002);
  });

  it('searches for a target from a λ that suits it, not from that of a preset', () => {
    expect(resolve({ target: 'units=0.3' }, presets['iss-small']).method).toEqual({
      kind: 'target',
      target: 'units=0.3',
    });
    expect(resolve({ target: 'units=0.3', iss: 0.01 }, presets['iss-small']).method.iss).toBe(0.01);
    expect(resolve({}, { ...presets['iss-small'], target: 'units=0.3' }).method.iss).toBe(0.004);
  });

  it('takes a schedule in place of the constant rate of a preset', () => {
    const base = presets['modern-small'];
    expect(resolve({}, base).schedule).toEqual({ kind: 'constant', learningRate: 1, warmup: 0 });
    expect(resolve({ schedule: 'plateau' }, base).schedule).toMatchObject({ kind: 'plateau', decay: 0.5 });
    expect(() => resolve({ decay: 0.8 }, base)).toThrow('decay needs schedule step (or schedule plateau)');
  });

  it('takes other kinds, and the default one as if it were not named', () => {
    expect(changed({ cell: 'gru' })().model.kind).toBe('gru');
    expect(changed({ cell: 'lstm' })()).toEqual(changed({})());
    expect(changed({ optimizer: 'adam', beta1: 0.8 })().optimizer).toMatchObject({
      kind: 'adam',
      beta1: 0.8,
      beta2: 0.999,
    });
    expect(changed({ schedule: 'cosine', decay: undefined, flatEpochs: undefined })().schedule.kind).toBe('cosine');
    expect(changed({ optimizer: 'sgd', schedule: 'step', task: 'language-model' })()).toEqual(changed({})());
  });

  it.each([
    [{ iss: 0.01 }, 'group-lasso'],
    [{ iss: 0.01, proximal: true }, 'proximal'],
    [{ target: 'units=0.3', iss: 0.01 }, 'target'],
    [{ l1: 0.01 }, 'l1'],
    [{ magnitude: 0.5 }, 'magnitude'],
    [{ keepZeros: true }, 'zeros-kept'],
    [{ iss: 0.01, keepZeros: true }, 'group-lasso'],
    [{ iss: 0 }, 'dense'],
  ])('chooses the method by its fields: %o', (fields, kind) => {
    expect(changed(fields)().method.kind).toBe(kind);
  });

  it.each([
    [{ epochs: 0 }, 'here: epochs: expected more than 0, got 0'],
    [{ epochs: 1.5 }, 'here: epochs: expected a whole number, got 1.5'],
    [{ iss: -1 }, 'here: iss: expected at least 0, got -1'],
    [{ iss: 'much' }, 'here: iss: expected a number, got "much"'],
    [{ l1: -1 }, 'here: l1: expected at least 0, got -1'],
    [{ magnitude: 1 }, 'here: magnitude: expected less than 1, got 1'],
    [{ keep: 0 }, 'here: keep: expected more than 0, got 0'],
    [{ keep: 1.1 }, 'here: keep: expected at most 1, got 1.1'],
    [{ decay: Number.NaN }, 'here: decay: expected a number, got NaN'],
    [{ hidden: [] }, 'here: hidden: expected a list of at least 1, got []'],
    [{ hidden: [12, -1] }, 'here: hidden (element 2): expected more than 0, got [12,-1]'],
    [{ hidden: 12 }, 'here: hidden: expected a list of whole numbers, got 12'],
    [{ cell: 'gur' }, 'here: cell: expected lstm or gru or rnn or rhn, got "gur" (did you mean \'gru\'?)'],
    [{ cell: 3 }, 'here: cell: expected lstm or gru or rnn or rhn, got 3'],
    [{ optimizer: 'adan' }, 'here: optimizer: expected sgd or momentum or adam or adamw or asgd, got "adan"'],
    [{ schedule: 'cos' }, 'here: schedule: expected step or constant or cosine or plateau, got "cos"'],
    [
      { task: 'language' },
      'here: task: expected language-model or text-classification or question-answering or arrays or distillation, got "language"',
    ],
    [{ shrink: 'no' }, 'here: shrink: expected true or false, got "no"'],
    [{ seed: 2 ** 60 }, 'here: seed: expected'],
    [{ epoch: 3 }, "here: unknown field 'epoch' (did you mean 'epochs'?)"],
    [{ colour: 3 }, "here: unknown field 'colour'"],
    [{ iss: 0.1, l1: 0.1 }, 'here: choose one of iss, l1'],
    [{ target: 'units=0.3', magnitude: 0.5 }, 'here: choose one of target, magnitude'],
    [{ target: 'units=3' }, 'here: target: expected units=SHARE or params=SHARE, between 0 and 1, got "units=3"'],
    [{ proximal: true }, 'here: proximal needs iss (or target)'],
    [{ pruneTo: 3 }, 'here: pruneTo needs magnitude'],
    [{ target: 'units=0.3', iss: 0.1, issWarmup: 9 }, 'here: issWarmup does not go with target'],
    [{ magnitude: 0.5, pruneFrom: 4, pruneTo: 3 }, 'here: pruneTo must be more than pruneFrom, got 3 and 4'],
    [{ magnitude: 0.5, pruneTo: 30 }, 'here: pruneTo must be at most the 13 epochs, got 30'],
    [{ magnitude: 0.5, pruneFrom: 10 }, 'here: pruneTo must be more than pruneFrom, got 8.6'],
    [{ target: 'units=0.3', issLayers: [1, 0] }, 'here: issLayers must be above 0 with a target'],
    [{ magnitude: 0.5, keepZeros: true }, 'here: magnitude keeps zeros anyway: leave out keepZeros'],
    [
      { cell: 'rhn', hidden: [200], depth: 3, iss: 0.1, issEmbedding: true },
      'here: cell rhn has no columns of the embedding besides its units: leave out issEmbedding',
    ],
    [{ depth: 3 }, 'here: depth needs cell rhn'],
    [{ cell: 'rhn', hidden: [200] }, 'here: missing depth'],
    [{ cell: 'rhn', depth: 3 }, "here: cell rhn needs one hidden size that is the embedding's, got 200, 200 and 200"],
    [{ cell: 'rhn', hidden: [200], depth: 2, tied: true }, 'here: tied needs cell lstm (or cell gru, cell rnn)'],
    [{ beta1: 0.9 }, 'here: beta1 needs optimizer adam (or optimizer adamw)'],
    [{ plateauPatience: 3 }, 'here: plateauPatience needs schedule plateau'],
    [{ loss: 'mse' }, 'here: loss needs task arrays'],
    // The cell is one that has the field in another task.
    [{ pool: 'max' }, 'here: pool needs task text-classification'],
    [{ hidden: undefined }, 'here: missing hidden'],
  ])('%o: %s', (change, message) => {
    expect(changed(change)).toThrow(message);
    expect(changed(change)).toThrow(UsageError);
  });

  it.each([
    { epochs: 2, magnitude: 0.5, pruneTo: 0.9 },
    { proximal: false, issEmbedding: false, issScaling: 'none' },
    { iss: 0.1, issLayers: [1, 1, 1], issEmbedding: true },
    { clip: undefined },
  ])('takes %o', (fields) => {
    expect(changed(fields)).not.toThrow();
  });

  it.each([
    [
      { magnitude: 0.5, pruneFrom: 0 },
      { kind: 'magnitude', magnitude: 0.5, pruneFrom: 0 },
    ],
    [
      { target: 'units=0.5', iss: 0 },
      { kind: 'target', target: 'units=0.5' },
    ],
    [
      { iss: 0.1, proximal: false, issScaling: 'none', keepZeros: false },
      { kind: 'group-lasso', iss: 0.1 },
    ],
  ])('leaves out what asks for nothing, and not what is 0: %o', (fields, method) => {
    expect(changed(fields)().method).toEqual(method);
  });

  it('lists all problems at once', () => {
    expect(changed({ iss: -1, batch: 0, steps: '5' })).toThrow(/(?=.*iss: )(?=.*batch: )(?=.*steps: )/);
    expect(changed({ epochs: 0, batch: 0 })).toThrow(
      'epochs: expected more than 0, got 0; batch: expected more than 0, got 0',
    );
    expect(changed({ colour: 3, iss: 0.1, l1: 0.1 })).toThrow(/unknown field 'colour'; choose one of iss, l1/);
  });

  it('names fields as the user writes them', () => {
    const nameOf = (field: string) => `--${field}`;
    const said = () => resolveConfig({ ...small, proximal: true, epochs: 0 }, { source: 'here', tasks, nameOf });
    expect(said).toThrow('--proximal needs --iss (or --target)');
    expect(said).toThrow('--epochs: expected more than 0');
  });
});

describe('settings on top of others', () => {
  it('change what they say', () => {
    expect(resolve({ epochs: 3, iss: 0.1 }, small)).toEqual(changed({ epochs: 3, iss: 0.1 })());
  });

  it('leave out what does not go with them', () => {
    const pruned = { ...small, magnitude: 0.5, pruneEvery: 7 };
    expect(resolve({ magnitude: 0, iss: 0.1 }, pruned).method).toEqual({ kind: 'group-lasso', iss: 0.1 });
    expect(resolve({ schedule: 'cosine' }, small).schedule).toMatchObject({ kind: 'cosine', learningRate: 1 });
    expect(resolve({ cell: 'lstm', hidden: [4] }, presets['rhn-small']).model).not.toHaveProperty('depth');
    // What is said itself must fit.
    expect(() => resolve({ cell: 'lstm', hidden: [4], depth: 3 }, presets['rhn-small'])).toThrow(
      'depth needs cell rhn',
    );
  });

  it('say how to leave out a method that comes from below, and nothing twice', () => {
    const clash = () => resolve({ magnitude: 0.5 }, presets['iss-small']);
    expect(clash).toThrow(/^here: choose one of iss, magnitude: iss 0.004 is there already, and iss 0 takes it away$/);
    expect(changed({ iss: 0.1, l1: 0.1 })).toThrow(/^here: choose one of iss, l1$/);
    expect(resolve({ iss: 0, magnitude: 0.5 }, presets['iss-small']).method.kind).toBe('magnitude');
  });

  it('may be those of another task', () => {
    const config = resolve({ task: 'arrays', loss: 'mse', targetArray: 'y' }, small);
    expect(config.task).toEqual({ kind: 'arrays', loss: 'mse', targetArray: 'y', ignore: -1 });
    expect(config.model).toEqual({ kind: 'onnx' });
    expect(config.batch).toBe(20);
  });
});

describe('what arrays have when nothing else is said', () => {
  const arrays = (fields: Settings = {}) => resolve({ task: 'arrays', loss: 'mse', targetArray: 'y', ...fields });

  it.each([
    [{}, 'adam', 1e-3, 1e-3],
    [{ optimizer: 'sgd' }, 'sgd', 0.1, 1e-4],
    [{ optimizer: 'adamw', learningRate: 0.02 }, 'adamw', 0.02, 0.02],
    [{ optimizer: 'sgd', learningRate: 0.02, threshold: 0 }, 'sgd', 0.02, 0],
  ])('%o', (fields, optimizer, learningRate, threshold) => {
    const config = arrays(fields);
    expect(config.optimizer.kind).toBe(optimizer);
    expect(config.schedule).toMatchObject({ kind: 'step', learningRate, decay: 1 });
    expect(config).toMatchObject({ threshold, batch: 32, epochs: 10, shrink: true, shrinkEvery: 0 });
    expect(config.clip).toBeUndefined();
  });

  it.each([
    [{ loss: 'hinge' }, 'loss: expected cross-entropy or mse or bce, got "hinge"'],
    [{ targetArray: '' }, 'targetArray: expected'],
    [{ steps: 3 }, 'steps needs task language-model'],
    [{ cell: 'lstm' }, 'cell: expected onnx, got "lstm"'],
  ])('%o is refused: %s', (fields, message) => {
    expect(() => arrays(fields)).toThrow(message);
  });
});

describe('a configuration as settings', () => {
  it.each(Object.entries(presets))('makes itself again: %s', (_, preset) => {
    const config = resolve(preset);
    expect(resolve(settingsOf(config))).toEqual(config);
    // As config.json of a run spells it out.
    expect(resolve(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('has no sections', () => {
    expect(flattened({ task: { kind: 'arrays', loss: 'mse' }, epochs: 3, clip: undefined })).toEqual({
      ...{ task: 'arrays', loss: 'mse', epochs: 3 },
    });
    expect(flattened({ method: { kind: 'group-lasso', iss: 0.1 } })).toEqual({ iss: 0.1 });
    expect(flattened({ method: { kind: 'proximal', iss: 0.1 } })).toEqual({ iss: 0.1, method: 'proximal' });
  });
});
