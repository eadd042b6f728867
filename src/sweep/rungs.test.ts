import { expect, it } from 'vitest';
import { planHalving, plannedEpochs, survivors } from './rungs.ts';

const rungs = (epochs: number, options = {}) => planHalving([epochs, epochs], options).rungs;

it('there is one rung in the middle by default', () => {
  expect(rungs(13)).toEqual([7]);
  expect(rungs(2)).toEqual([1]);
  expect(rungs(1)).toEqual([]);
  expect(rungs(13, { eta: 3 })).toEqual([5]);
});

it('one number is the first rung of a ladder, several are the rungs', () => {
  expect(rungs(13, { rungs: [2] })).toEqual([2, 4, 8]);
  expect(rungs(13, { rungs: [3, 4] })).toEqual([3, 4]);
  expect(rungs(4, { rungs: [1], eta: 1.2 })).toEqual([1, 2, 3]);
  expect(rungs(13, { halving: false })).toEqual([]);
});

it.each([
  [{ rungs: [0] }, 'from 1 to 12'],
  [{ rungs: [13] }, 'from 1 to 12'],
  [{ rungs: [4, 4] }, 'ascending'],
  [{ rungs: [1.5] }, 'whole numbers'],
  [{ eta: 1 }, 'above 1'],
  [{ halving: false, eta: 3 }, '--no-halving'],
])('%o is refused', (options, message) => {
  expect(() => rungs(13, options)).toThrow(message);
});

it('runs of different length need no halving', () => {
  expect(() => planHalving([4, 5], {})).toThrow('--no-halving');
  expect(planHalving([4, 5], { halving: false }).rungs).toEqual([]);
});

it('at least two go on', () => {
  expect([8, 5, 3, 2, 1].map((n) => survivors(n, 2))).toEqual([4, 3, 2, 2, 1]);
});

it('counts the epochs of a sweep', () => {
  // 8 runs for 3 epochs, 4 for 3 more, 2 for the last 6.
  expect(plannedEpochs(Array(8).fill(12), { rungs: [3, 6], eta: 2 })).toBe(24 + 12 + 12);
  expect(plannedEpochs(Array(9).fill(12), { rungs: [3, 6], eta: 2 }, 1)).toBe(12 + 24 + 12 + 12);
  expect(plannedEpochs([4, 5], { rungs: [], eta: 2 })).toBe(9);
});
