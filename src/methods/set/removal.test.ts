import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectionsToRemove, type RemovalRule } from './removal.ts';

const weight = fc.oneof(
  fc.float({ min: -3, max: 3, noNaN: true }),
  // Few values, so that many are equal, and zeros of both signs.
  fc.constantFrom(-1, -0.5, -0, 0, 0.5, 1),
);
const weightLists = fc.array(weight, { maxLength: 60 }).map((list) => Float32Array.from(list));
const shares = fc.double({ min: 0, max: 1, noNaN: true });

const most = (values: number[]) => Math.max(Number.NEGATIVE_INFINITY, ...values);
const least = (values: number[]) => Math.min(Number.POSITIVE_INFINITY, ...values);

describe('what SET removes', () => {
  it.each<RemovalRule>(['set', 'magnitude'])(
    'lies nearer to zero than what stays, within each sign, by the rule %s',
    (rule) => {
      fc.assert(
        fc.property(weightLists, shares, (weights, share) => {
          const gone = connectionsToRemove(rule, weights, share);
          for (const isMeant of [(w: number) => w > 0, (w: number) => w < 0]) {
            const side = [...weights.keys()].filter((i) => isMeant(weights[i]!));
            const magnitudes = (wanted: number) =>
              side.filter((i) => gone[i] === wanted).map((i) => Math.abs(weights[i]!));
            expect(most(magnitudes(1))).toBeLessThanOrEqual(least(magnitudes(0)));
          }
        }),
      );
    },
  );

  it('is the share of each sign, rounded down, and all zeros', () => {
    fc.assert(
      fc.property(weightLists, shares, (weights, share) => {
        const gone = connectionsToRemove('set', weights, share);
        const removed = (isMeant: (w: number) => boolean) =>
          weights.filter((w, i) => isMeant(w) && gone[i] === 1).length;
        const there = (isMeant: (w: number) => boolean) => weights.filter(isMeant).length;
        expect(removed((w) => w > 0)).toBe(Math.floor(share * there((w) => w > 0)));
        expect(removed((w) => w < 0)).toBe(Math.floor(share * there((w) => w < 0)));
        expect(removed((w) => w === 0)).toBe(there((w) => w === 0));
      }),
    );
  });

  it('is the share of all by magnitude', () => {
    fc.assert(
      fc.property(weightLists, shares, (weights, share) => {
        const gone = connectionsToRemove('magnitude', weights, share);
        expect(gone.reduce((a, b) => a + b, 0)).toBe(Math.floor(share * weights.length));
      }),
    );
  });

  it('is nothing where the topology stays', () => {
    expect([...connectionsToRemove('static', Float32Array.of(0, 1, -1), 0.9)]).toEqual([0, 0, 0]);
  });

  it('is the negative weights nearest zero, not the most negative ones', () => {
    const weights = Float32Array.of(-4, -3, -2, -1, 1, 2, 3, 4);
    expect([...connectionsToRemove('set', weights, 0.5)]).toEqual([0, 0, 1, 1, 1, 1, 0, 0]);
  });
});
