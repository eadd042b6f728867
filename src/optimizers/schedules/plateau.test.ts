import { expect, it } from 'vitest';
import { plateau } from './plateau.ts';

const rateAfter = (history: readonly number[], minRate = 0) =>
  plateau({ learningRate: 1, decay: 0.5, minRate, plateauPatience: 2 }).rate({
    ...{ epoch: history.length, share: 0.5, update: 10 * history.length },
    history,
  });

it('decays after so many epochs without a better score than the best', () => {
  expect(rateAfter([])).toBe(1);
  expect(rateAfter([5, 4, 4])).toBe(1);
  expect(rateAfter([5, 4, 4, 4.5])).toBe(0.5);
});

it('counts anew after each decay and after each better score', () => {
  expect(rateAfter([5, 6, 6, 6])).toBe(0.5);
  expect(rateAfter([5, 6, 6, 6, 6])).toBe(0.25);
  expect(rateAfter([5, 6, 4, 6, 3, 6])).toBe(1);
});

it('takes a score that is no number for no better one', () => {
  expect(rateAfter([5, Number.NaN, Number.POSITIVE_INFINITY])).toBe(0.5);
});

it('stops at its floor, which is never above the learning rate', () => {
  expect(rateAfter(Array(20).fill(1), 0.3)).toBe(0.3);
  expect(rateAfter([], 3)).toBe(1);
});
