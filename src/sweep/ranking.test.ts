import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crowdingDistances, dominates, type Objectives, paretoFront, ranked } from './ranking.ts';

const points = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 })), { maxLength: 12 });

describe('the Pareto front', () => {
  it('is what nothing beats in both', () => {
    expect(
      paretoFront([
        [1, 9],
        [2, 5],
        [3, 6],
        [9, 1],
      ]),
    ).toEqual([true, true, false, true]);
  });

  it('holds equal points together', () => {
    expect(dominates([1, 2], [1, 2])).toBe(false);
    expect(
      paretoFront([
        [1, 2],
        [1, 2],
      ]),
    ).toEqual([true, true]);
  });
});

describe('the ranking', () => {
  it('goes by fronts', () => {
    expect(
      ranked([
        [3, 3],
        [2, 2],
        [1, 1],
      ]),
    ).toEqual([2, 1, 0]);
  });

  it('is a permutation in which nobody stands before whom he is dominated by', () => {
    fc.assert(
      fc.property(points, (all) => {
        const order = ranked(all);
        expect([...order].sort((a, b) => a - b)).toEqual(all.map((_, i) => i));
        for (const [at, i] of order.entries()) {
          for (const later of order.slice(at)) expect(dominates(all[later]!, all[i]!)).toBe(false);
        }
      }),
    );
  });

  it('keeps the ends of a front and spreads what is between', () => {
    // Of three neighbours only one must stand for all three, or none would once the most crowded go at once.
    const front = [0, 4, 4.1, 4.2, 7, 10].map((x): Objectives => [x, 10 - x]);
    expect(new Set(ranked(front).slice(0, 4))).toEqual(new Set([0, 5, 1, 4]));
    expect(new Set(ranked(front).slice(0, 3))).toEqual(new Set([0, 5, 1]));
  });
});

describe('crowding distances', () => {
  it('are those of Deb et al. (2002)', () => {
    expect(
      crowdingDistances([
        [0, 4],
        [1, 2],
        [4, 0],
      ]),
    ).toEqual([Number.POSITIVE_INFINITY, 2, Number.POSITIVE_INFINITY]);
  });

  it('are finite where all are equal', () => {
    expect(
      crowdingDistances([
        [1, 1],
        [1, 1],
        [1, 1],
      ]),
    ).toEqual([Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY]);
  });
});
