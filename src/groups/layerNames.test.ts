import { describe, expect, it } from 'vitest';
import { layersNamed } from './layerNames.ts';

const layers = ['/encoder/lstm/LSTM (forward)', '/encoder/lstm/LSTM (reverse)', '/decoder/lstm/LSTM', 'head.gru_1'].map(
  (name) => ({ name }),
);
const named = (typed: string) => layersNamed(layers, typed).map((l) => l.name);
const encoder = ['/encoder/lstm/LSTM (forward)', '/encoder/lstm/LSTM (reverse)'];

describe('layersNamed', () => {
  it.each([
    ['/encoder/lstm/LSTM (reverse)', [encoder[1]]],
    ['/encoder/lstm/LSTM', encoder],
    ['/ENCODER/lstm/lstm', encoder],
    ['encoder', encoder],
    ['decoder', ['/decoder/lstm/LSTM']],
    ['gru', ['head.gru_1']],
    ['reverse', [encoder[1]]],
  ])('%s', (typed, expected) => {
    expect(named(typed)).toEqual(expected);
  });

  it('does not choose between two nodes', () => {
    expect(() => named('lstm')).toThrow("'lstm' may mean any of '/encoder/lstm/LSTM', '/decoder/lstm/LSTM'");
  });

  it('suggests a layer for a name that none has', () => {
    expect(() => named('head.gru_2')).toThrow(/no layer 'head.gru_2' \(did you mean 'head.gru_1'\?\); layers are/);
    expect(() => named('')).toThrow(/no layer ''/);
    expect(() => layersNamed([], 'x')).toThrow('the model has no layers with units');
  });
});
