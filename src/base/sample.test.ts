import fc from 'fast-check';
import { expect, it } from 'vitest';
import { randomStream } from './random.ts';
import { sampleExactly } from './sample.ts';

it('draws exactly as many free numbers as wanted, ascending, and all where there are fewer', () => {
  fc.assert(
    fc.property(fc.nat(40), fc.nat(60), fc.uniqueArray(fc.nat(59)), fc.nat(1000), (count, size, some, seed) => {
      const taken = some.filter((n) => n < size).sort((a, b) => a - b);
      const drawn = [...sampleExactly(count, size, taken, randomStream(seed))];
      expect(drawn).toHaveLength(Math.min(count, size - taken.length));
      expect(drawn).toEqual([...new Set(drawn)].sort((a, b) => a - b));
      expect(drawn.every((n) => n >= 0 && n < size && !taken.includes(n))).toBe(true);
    }),
  );
});

it('draws each free number as often as any other', () => {
  const random = randomStream(1);
  const counts = new Map<number, number>();
  const rounds = 20_000;
  for (let i = 0; i < rounds; i++) {
    for (const n of sampleExactly(3, 12, [0, 5, 6, 11], random)) counts.set(n, (counts.get(n) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 7, 8, 9, 10]);
  // Five standard deviations of a count.
  const [mean, deviation] = [(rounds * 3) / 8, Math.sqrt((rounds * 3 * 5) / 64)];
  for (const count of counts.values()) expect(Math.abs(count - mean)).toBeLessThan(5 * deviation);
});

it('takes time for what it draws, not for what it draws from', () => {
  const drawn = sampleExactly(100, 2 ** 32, [7], randomStream(2));
  expect(drawn).toHaveLength(100);
  expect(Math.max(...drawn)).toBeGreaterThan(2 ** 30);
});
