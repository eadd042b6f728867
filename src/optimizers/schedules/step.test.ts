import { describe, expect, it } from 'vitest';
import { learnedShare, totalRate } from './schedule.ts';
import { step } from './step.ts';

const at = (epoch: number, share = 0) => ({ epoch, share, update: 10 * epoch, history: [] });
const rates = (fields: Parameters<typeof step>[0], epochs: number) =>
  Array.from({ length: epochs }, (_, epoch) => step(fields).rate(at(epoch)));

describe('step', () => {
  it('decays at every epoch after the flat ones, as the small model of Zaremba et al. does', () => {
    const fields = { learningRate: 1, decay: 0.5, flatEpochs: 4, decayEvery: 0 };
    expect(rates(fields, 7)).toEqual([1, 1, 1, 1, 0.5, 0.25, 0.125]);
  });

  it('decays once every so many epochs, whatever the flat ones', () => {
    const fields = { learningRate: 0.2, decay: 0.1, flatEpochs: 4, decayEvery: 2 };
    expect(rates(fields, 5)).toEqual([0.2, 0.2, 0.2 * 0.1, 0.2 * 0.1, 0.2 * 0.1 ** 2]);
  });

  it('is constant within an epoch', () => {
    const schedule = step({ learningRate: 0.3, decay: 0.7, flatEpochs: 1, decayEvery: 0 });
    expect(schedule.rate(at(3, 0.9))).toBe(schedule.rate(at(3)));
  });
});

describe('learnedShare', () => {
  it('is the sum of the rates so far as a share of their sum in the run', () => {
    const schedule = step({ learningRate: 1, decay: 0.5, flatEpochs: 2, decayEvery: 0 });
    const shareAfter = (update: number) =>
      learnedShare(schedule, { epochs: 4, updatesPerEpoch: 10 }, { update, history: [] });
    expect([0, 5, 10, 20, 25, 30, 40, 50].map(shareAfter)).toEqual(
      [0, 0.5, 1, 2, 2.25, 2.5, 2.75, 2.75].map((sum) => sum / 2.75),
    );
  });
});

it('totalRate is the sum of the rates of all updates', () => {
  const schedule = step({ learningRate: 1, decay: 0.5, flatEpochs: 2, decayEvery: 0 });
  expect(totalRate(schedule, { epochs: 4, updatesPerEpoch: 10 })).toBe(27.5);
});
