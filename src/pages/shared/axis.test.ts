import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type AxisBounds, axisOf, epochTicks, percentLabels, powerLabel, tickLabels, ticksOf } from './axis.ts';

const value = fc
  .tuple(fc.integer({ min: -9999, max: 9999 }), fc.integer({ min: -9, max: 6 }))
  .map(([n, power]) => n * 10 ** power);

/** Values near each other, as scores are, and far apart. */
const values = fc.oneof(
  fc.array(value, { minLength: 1, maxLength: 6 }),
  fc
    .tuple(fc.double({ min: 0.5, max: 1000, noNaN: true }), fc.double({ min: 1e-4, max: 1, noNaN: true }))
    .map(([at, width]) => [at, at + width]),
);

describe('axisOf', () => {
  it('holds all values, with at most a few ticks, none of which is written like another', () => {
    fc.assert(
      fc.property(values, fc.boolean(), (given, fromZero) => {
        const axis = axisOf(given, { fromZero });
        const ticks = ticksOf(axis);
        expect(axis.min).toBeLessThanOrEqual(Math.min(...given) + Math.abs(axis.step) * 1e-6);
        expect(axis.max).toBeGreaterThanOrEqual(Math.max(...given) - Math.abs(axis.step) * 1e-6);
        expect(ticks.length).toBeGreaterThan(1);
        expect(ticks.length).toBeLessThan(9);
        const labels = ticks.map(tickLabels(axis));
        expect(new Set(labels).size, `${labels}`).toBe(ticks.length);
      }),
    );
  });

  const labels = (given: number[], bounds: AxisBounds = {}) => {
    const axis = axisOf(given, bounds);
    return ticksOf(axis).map(tickLabels(axis));
  };

  test.each<[number[], AxisBounds, string[]]>([
    [[74.87, 75.04], {}, ['74.85', '74.90', '74.95', '75.00', '75.05']],
    [[32, 0], { fromZero: true }, ['0', '10', '20', '30', '40']],
    [[36_100, 53_800], {}, ['35k', '40k', '45k', '50k', '55k']],
    [[3e-5], { fromZero: true }, ['0', '1e-5', '2e-5', '3e-5']],
    [[2, 1], { fromZero: true, whole: true }, ['0', '1', '2']],
  ])('%j with %j has the ticks %j', (given, bounds, expected) => expect(labels(given, bounds)).toEqual(expected));

  it('does not run past what a share can be', () => {
    for (const given of [[0.97, 0.9999], [0.4, 1], [1]]) {
      const axis = axisOf(given, { most: 1 });
      expect(ticksOf(axis).at(-1)).toBeLessThanOrEqual(1);
    }
    const axis = axisOf([0.9412, 0.9431], { most: 1 });
    expect(ticksOf(axis).map(percentLabels(axis))).toEqual([
      '94.10 %',
      '94.15 %',
      '94.20 %',
      '94.25 %',
      '94.30 %',
      '94.35 %',
    ]);
  });
});

test('powers of ten are written in full as long as they are short', () => {
  expect([1000, 1, 0.01, 1e-5, 1e6].map(powerLabel)).toEqual(['1000', '1', '0.01', '1e-5', '1e6']);
});

describe('epochTicks', () => {
  it('has the first and the last epoch, and room between any two', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4000 }), (first, more) => {
        const pixels = 240;
        const ticks = epochTicks(first, first + more, pixels);
        expect([ticks[0], ticks.at(-1)]).toEqual([first, first + more]);
        for (const [i, tick] of ticks.slice(1).entries()) {
          expect(((tick - ticks[i]!) / more) * pixels, `${ticks}`).toBeGreaterThan(28);
        }
      }),
    );
  });

  test('of few epochs are all', () => expect(epochTicks(1, 4, 300)).toEqual([1, 2, 3, 4]));
});
