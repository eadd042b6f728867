import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configOfVersion1, epochOfVersion1, liveOfVersion1, resultOfVersion1 } from './version1.ts';

const results = fileURLToPath(new URL('../../results/', import.meta.url));
const stored = ['ptb-small', 'ptb-medium', 'ptb-rhn', 'target'].flatMap((folder) =>
  readdirSync(join(results, folder))
    .filter((file) => file !== 'latency.json')
    .map((file) => `${folder}/${file}`),
);

const finetuning = {
  ...{ model: 'classifier.onnx', data: 'train.npz', valid: 'valid.npz' },
  ...{ loss: 'cross-entropy', target: 'y', inputs: {}, zeros: [], ignore: -1, batchAxis: {}, freeze: ['e'], fix: [] },
  ...{ optimizer: 'adam', learningRate: 0.001, decay: 1, batch: 32, epochs: 10, iss: 0.02, threshold: 0.001 },
  ...{ shrink: true, seed: 1, threads: 2 },
};

describe('a run of version 0.1 whose result is stored', () => {
  it.each(stored)('%s keeps its figures', (file) => {
    const old = JSON.parse(readFileSync(join(results, file), 'utf8'));
    const config = configOfVersion1({ ...old.config, data: 'data/ptb', init: null })!;
    const { hidden, embedding, cell = 'lstm', steps, batch, clip } = old.config;
    expect(config).toMatchObject({
      format: 1,
      task: { kind: 'language-model', steps },
      model: { kind: cell, hidden, embedding },
      ...{ batch, clip, items: 'tokens', sources: { data: 'data/ptb', init: null } },
      scores: [{ name: 'perplexity', better: 'lower', decimals: 2 }],
    });
    const result = resultOfVersion1(old)!;
    expect(result.data).toMatchObject({ name: old.data.name, facts: { vocabulary: old.data.vocabulary } });
    for (const [i, model] of result.models.entries()) {
      const { validPerplexity, testPerplexity, parameters } = old.models[i];
      expect(model).toMatchObject({
        parameters,
        scores: { valid: { perplexity: validPerplexity }, test: { perplexity: testPerplexity } },
      });
    }
    const epochs = old.history.map(epochOfVersion1);
    expect(epochs).toHaveLength(old.config.epochs);
    for (const [i, epoch] of epochs.entries()) {
      const { trainPerplexity, validPerplexity, tokensPerSecond, alive } = old.history[i];
      expect(epoch).toMatchObject({
        ...{ train: { perplexity: trainPerplexity }, valid: { perplexity: validPerplexity } },
        ...{ itemsPerSecond: tokensPerSecond, alive },
      });
    }
  });
});

describe('the method of a configuration', () => {
  it.each([
    [{ iss: 0 }, { kind: 'dense' }],
    [
      { iss: 0.004, issScaling: 'sqrt' },
      { kind: 'group-lasso', iss: 0.004, issScaling: 'sqrt' },
    ],
    [
      { iss: 0.004, proximal: true },
      { kind: 'proximal', iss: 0.004, proximal: true },
    ],
    [
      { iss: 0, target: 'units=0.3' },
      { kind: 'target', iss: 0, target: 'units=0.3' },
    ],
    [
      { iss: 0, l1: 1e-4 },
      { kind: 'l1', l1: 1e-4 },
    ],
    [
      { iss: 0, magnitude: 0.5, pruneTo: 8 },
      { kind: 'magnitude', magnitude: 0.5, pruneTo: 8 },
    ],
    [
      { iss: 0, keepZeros: true },
      { kind: 'zeros-kept', keepZeros: true },
    ],
  ])('%j is %j', (fields, method) => {
    expect(configOfVersion1({ hidden: [4], epochs: 2, ...fields })?.method).toEqual(method);
  });
});

describe('a fine-tuning of version 0.1', () => {
  it('says where model and data were, and what decides', () => {
    expect(configOfVersion1(finetuning)).toMatchObject({
      task: { kind: 'arrays', loss: 'cross-entropy', targetArray: 'y' },
      model: { kind: 'onnx' },
      method: { kind: 'group-lasso', iss: 0.02 },
      optimizer: { kind: 'adam' },
      schedule: { kind: 'step', learningRate: 0.001, decay: 1 },
      freeze: ['e'],
      sources: { data: 'train.npz', valid: 'valid.npz', init: 'classifier.onnx' },
      items: 'examples',
      scores: [{ name: 'accuracy', better: 'higher', isShare: true }, { name: 'loss' }],
    });
    expect(configOfVersion1({ ...finetuning, loss: 'mse' })?.scores.map(({ name }) => name)).toEqual(['loss']);
  });

  it('has its scores before and after at its models', () => {
    const model = { bytes: 9, hidden: [4], parameters: 10, multiplyAdds: 8 };
    const result = resultOfVersion1({
      sources: { model: 'classifier.onnx', data: 'train.npz' },
      before: { validLoss: 0.9, validAccuracy: 0.5 },
      after: { validLoss: 0.2, validAccuracy: 0.875 },
      models: [
        { name: 'original', file: 'my/classifier.onnx', ...model },
        { name: 'trained', file: 'runs/a/model.onnx', ...model },
        { name: 'slim', file: 'runs\\a\\slim.onnx', ...model },
      ],
      ...{ notes: ['dropout is on'], seconds: 3 },
    });
    const after = { valid: { loss: 0.2, accuracy: 0.875 } };
    expect(result).toMatchObject({
      data: { name: 'train.npz', facts: {} },
      notes: ['dropout is on'],
      models: [
        { file: 'my/classifier.onnx', scores: { valid: { loss: 0.9, accuracy: 0.5 } } },
        { file: 'model.onnx', scores: after },
        { file: 'slim.onnx', scores: after },
      ],
    });
  });

  it('has no held-out scores without held-out data', () => {
    const row = { epoch: 1, learningRate: 0.1, units: [], alive: [], parameters: 5, penalty: 0, seconds: 1 };
    expect(epochOfVersion1({ ...row, trainLoss: 0.5, examplesPerSecond: 9 })).toEqual({
      ...row,
      train: { loss: 0.5 },
      itemsPerSecond: 9,
    });
    const models = [{ name: 'trained', file: 'model.onnx', bytes: 1, hidden: [], parameters: 5, multiplyAdds: 5 }];
    const result = resultOfVersion1({ before: null, after: null, models, notes: [], seconds: 1 });
    expect(result?.models[0]?.scores).toEqual({});
  });
});

it('live.json of version 0.1 tells the same', () => {
  const at = { epoch: 1, epochs: 3, share: 0.5, units: [4], alive: [3], updatedAt: 5 };
  const live = liveOfVersion1({ ...at, metric: { name: 'loss', value: 0.7 }, speed: 60, secondsLeft: 9 });
  expect(live).toEqual({ ...at, score: { name: 'loss', value: 0.7 }, itemsPerSecond: 60, secondsLeft: 9 });
});

it.each([null, 3, 'text', [], {}, { format: 2 }, { hidden: 'wide', epochs: 1 }, { hidden: [4] }])(
  '%j is nothing of version 0.1',
  (value) => {
    expect(configOfVersion1(value)).toBeUndefined();
    expect(resultOfVersion1(value)).toBeUndefined();
    expect(epochOfVersion1(value)).toBeUndefined();
    expect(liveOfVersion1(value)).toBeUndefined();
  },
);
