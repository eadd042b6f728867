import { describe, expect, test } from 'vitest';
import { epochRow, runConfig } from '../../test/support/runFolder.ts';
import { epochFrom } from './formats.ts';
import { layerNames } from './layerNames.ts';

const epochs = [epochFrom(epochRow(1))!];
const lstm = { kind: 'lstm', hidden: [8, 8], embedding: 8 };

describe('layerNames', () => {
  test('are those of the result', () => {
    const layers = ['encoder', 'decoder'].map((name) => ({ name, units: 8 }));
    const result = { format: 2, seconds: 1, models: [], notes: [], layers };
    expect(layerNames({ result, config: runConfig(), epochs })).toEqual(['encoder', 'decoder']);
  });

  test.each([
    ['language-model', lstm, ['lstm_0', 'lstm_1']],
    ['text-classification', { ...lstm, hidden: [8], bidirectional: true }, ['lstm_0_forward', 'lstm_0_reverse']],
    ['language-model', { ...lstm, hidden: [8] }, ['layer 1', 'layer 2']],
    ['arrays', { kind: 'onnx' }, ['layer 1', 'layer 2']],
  ])('of a run of %s without a result, %j, are %j', (task, model, names) => {
    const config = runConfig('language-model', { task: { kind: task }, model });
    expect(layerNames({ result: undefined, config, epochs })).toEqual(names);
  });
});
