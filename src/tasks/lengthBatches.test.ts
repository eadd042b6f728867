import fc from 'fast-check';
import { expect, test } from 'vitest';
import { paddedLengths } from './lengthBatches.ts';

const padded = (lengths: readonly number[], to: readonly number[]) =>
  lengths.reduce((sum, length) => sum + to.find((most) => length <= most)!, 0);

/** All choices of at most `most` of the possible lengths that end with the last one. */
function choices(possible: readonly number[], most: number): number[][] {
  const last = possible.at(-1)!;
  const rest = possible.slice(0, -1);
  const subsets = Array.from({ length: 2 ** rest.length }, (_, bits) => rest.filter((_, i) => (bits >> i) % 2 === 1));
  return subsets.filter((s) => s.length < most).map((s) => [...s, last]);
}

test('no other choice of lengths pads less', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 1, max: 4 }), (train, most) => {
      const longest = Math.max(...train);
      const possible = Array.from({ length: Math.ceil(longest / 8) }, (_, i) => Math.min(longest, 8 * (i + 1)));
      const chosen = paddedLengths(train, [], most);
      expect(chosen.length).toBeLessThanOrEqual(most);
      expect(padded(train, chosen)).toBe(Math.min(...choices(possible, most).map((c) => padded(train, c))));
    }),
  );
});

test('a long example of another set does not lengthen the batches of training', () => {
  expect(paddedLengths([3, 5, 20], [700, 2], 2)).toEqual([8, 20, 700]);
  expect(paddedLengths([3, 5, 20], [11], 2)).toEqual([8, 20]);
});

test('sets without examples have a length to pad to', () => {
  expect(paddedLengths([], [], 3)).toEqual([1]);
  expect(paddedLengths([0, 0], [], 3)).toEqual([1]);
});
