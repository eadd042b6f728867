import { describe, expect, it } from 'vitest';
import type { ScoreKind } from '../tasks/score.ts';
import { bestEpoch, isOutOfPatience } from './epoch.ts';
import type { EpochMetrics } from './metrics.ts';

/** Epochs with these scores; those of `underway` were no epochs to end with. */
function historyOf(scores: readonly (number | undefined)[], underway: readonly number[] = []): EpochMetrics[] {
  return scores.map((score, i) => ({
    ...{ epoch: i + 1, learningRate: 1, train: {}, units: [], alive: [], parameters: 1, penalty: 0, seconds: 1 },
    ...{ itemsPerSecond: 1, ...(score !== undefined && { valid: { score } }) },
    ...(underway.includes(i + 1) && { isUnderway: true }),
  }));
}

const kind = (better: ScoreKind['better']): ScoreKind[] => [{ name: 'score', better, decimals: 2 }];

describe('the best epoch', () => {
  it('is the first with the best score', () => {
    expect(bestEpoch(historyOf([3, 1, 2, 1]), kind('lower'))).toBe(2);
    expect(bestEpoch(historyOf([3, 1, 2, 3]), kind('higher'))).toBe(1);
    expect(bestEpoch(historyOf([undefined, undefined]), kind('lower'))).toBeUndefined();
    expect(bestEpoch([], kind('lower'))).toBeUndefined();
  });

  it('is none in which the method was on its way to what it was asked for', () => {
    expect(bestEpoch(historyOf([1, 2, 5, 4], [1, 2]), kind('lower'))).toBe(4);
    expect(bestEpoch(historyOf([1, 2], [1, 2]), kind('lower'))).toBeUndefined();
  });
});

describe('patience', () => {
  it('ends when so many epochs in a row were not better than the best before them', () => {
    expect(isOutOfPatience(historyOf([3, 2, 2]), kind('lower'), 2)).toBe(false);
    expect(isOutOfPatience(historyOf([3, 2, 2, 2]), kind('lower'), 2)).toBe(true);
    expect(isOutOfPatience(historyOf([3, 2, 2, 2]), kind('lower'), undefined)).toBe(false);
  });

  it('does not count epochs in which scores get worse because units are taken away', () => {
    expect(isOutOfPatience(historyOf([3, 4, 5, 6, 7], [1, 2, 3, 4, 5]), kind('lower'), 2)).toBe(false);
    expect(isOutOfPatience(historyOf([3, 4, 5, 4, 4.5], [1, 2, 3]), kind('lower'), 2)).toBe(false);
    expect(isOutOfPatience(historyOf([3, 4, 5, 4, 4.5, 4.2], [1, 2, 3]), kind('lower'), 2)).toBe(true);
  });
});
