import { expect, test } from 'vitest';
import type { TrainingChoice } from './protocol.ts';
import { trainingConfig } from './trainingConfig.ts';

const choice: TrainingChoice = {
  text: 'unused',
  hidden: [16, 12],
  iss: 0.02,
  epochs: 5,
  optimizer: 'sgd',
  learningRate: 1,
  schedule: 'step',
  seed: 3,
  shrink: true,
};

test('the small preset with what was chosen', () => {
  expect(trainingConfig(choice)).toMatchObject({
    task: { kind: 'language-model', steps: 20 },
    model: { kind: 'lstm', hidden: [16, 12], embedding: 16 },
    method: { kind: 'group-lasso', iss: 0.02 },
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'step', learningRate: 1, decay: 0.5, flatEpochs: 3 },
    epochs: 5,
    seed: 3,
    shrink: true,
    threshold: 1e-4,
  });
});

test('another optimizer has its own threshold, another schedule its own fields', () => {
  const { optimizer, schedule, threshold } = trainingConfig({
    ...choice,
    optimizer: 'adam',
    learningRate: 0.002,
    schedule: 'cosine',
  });
  expect(optimizer.kind).toBe('adam');
  expect(schedule).toMatchObject({ kind: 'cosine', learningRate: 0.002 });
  expect(schedule).not.toHaveProperty('decay');
  expect(threshold).toBe(0.002);
});

test('what does not fit is said', () => {
  expect(() => trainingConfig({ ...choice, epochs: 0.5 })).toThrow('these settings: epochs: expected a whole number');
});
