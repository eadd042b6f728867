import { describe, expect, it } from 'vitest';
import { epochsFor, epochsWithin } from './epochs.ts';

describe('epochs of stages', () => {
  it('before the last one are a third of those of the last', () => {
    expect(epochsFor(12)).toEqual([4, 12]);
    expect(epochsFor(1)).toEqual([1, 1]);
  });

  it('fit into a budget of time with what trials take', () => {
    // 0.8 · 900 s are 72 epochs of 10 s.
    expect(epochsWithin(900, 10, 1, 0)).toEqual([24, 72]);
    for (const [stages, sought] of [
      [1, 1],
      [3, 1],
      [3, 2],
    ] as const) {
      const [short, long] = epochsWithin(900, 10, stages, sought);
      const all = 10 * (long + short * (stages - 1) + 0.2 * long * sought);
      expect(all).toBeLessThanOrEqual(0.82 * 900);
      expect(all).toBeGreaterThan(0.7 * 900);
    }
    expect(epochsWithin(1, 10, 3, 2)).toEqual([1, 1]);
  });
});
