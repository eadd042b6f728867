import { expect, it } from 'vitest';
import { type ScoreValues, scoresOf } from '../score.ts';
import { sumName } from './lossGraph.ts';
import type { OutputAxes, OutputKind } from './outputAxes.ts';
import { scoresFor } from './scores.ts';

const output = (kind: OutputKind): OutputAxes => ({
  ...{ name: 'y', kind, isLog: false, batchAxis: 0, classAxis: undefined, classes: 1, places: [] },
});

/** Scores of outputs of these kinds: of each its error, power, agreeing places and all places, summed. */
function scores(
  kinds: readonly OutputKind[],
  sums: readonly (readonly [number, number, number?, number?])[],
): ScoreValues {
  const totals = sums.flatMap(([error, power, agreeing, decisions], i) => [
    ...[[sumName('error', i), [error]] as const, [sumName('power', i), [power]] as const],
    ...(agreeing === undefined ? [] : [[sumName('agreeing', i), [agreeing]] as const]),
    ...(decisions === undefined ? [] : [[sumName('decisions', i), [decisions]] as const]),
  ]);
  return scoresOf(scoresFor(kinds.map(output)), {
    count: 10,
    totals: { loss: [5], ...Object.fromEntries(totals) },
  });
}

it('an error is a share of the power, and in decibels its inverse', () => {
  expect(scores(['values'], [[2, 200]])).toEqual({ error: 0.01, 'SNR (dB)': 20, loss: 0.5 });
  // Where the teacher is silent, the mean square of a place.
  expect(scores(['values'], [[40, 0]]).error).toBe(4);
});

it('a student that computes the same has as many decibels as float32 can tell', () => {
  expect(scores(['values'], [[0, 200]])).toEqual({ error: 0, 'SNR (dB)': 150, loss: 0.5 });
});

it('what decides agrees in a share of its places, and comes first where all outputs decide', () => {
  const deciding = scores(['classes'], [[1, 10, 6, 8]]);
  expect(Object.entries(deciding)).toEqual([
    ['agreement', 0.75],
    ['error', 0.1],
    ['SNR (dB)', 10],
    ['loss', 0.5],
  ]);
  expect(
    Object.keys(
      scores(
        ['values', 'probability'],
        [
          [1, 10],
          [1, 10, 6, 8],
        ],
      ),
    )[0],
  ).toBe('error');
});

it('outputs count alike, whatever their places', () => {
  const found = scores(
    ['values', 'classes', 'probability'],
    [
      [1, 10],
      [300, 1000, 500, 1000],
      [2, 10, 1, 1],
    ],
  );
  expect(found.error).toBeCloseTo((0.1 + 0.3 + 0.2) / 3, 12);
  expect(found.agreement).toBeCloseTo((0.5 + 1) / 2, 12);
  expect(found['SNR (dB)']).toBeCloseTo(-10 * Math.log10(0.2), 12);
});

it('more agreement is better, and more decibels; less error is', () => {
  const kinds = scoresFor([output('classes')]).map(({ name, better }) => [name, better]);
  expect(kinds).toEqual([
    ['agreement', 'higher'],
    ['error', 'lower'],
    ['SNR (dB)', 'higher'],
    ['loss', 'lower'],
  ]);
});
