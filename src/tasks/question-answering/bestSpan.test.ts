import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bestSpan } from './bestSpan.ts';

/** Few different logits, so that equal sums occur. */
const logits = fc
  .integer({ min: 1, max: 12 })
  .chain((length) =>
    fc.tuple(...[0, 1].map(() => fc.array(fc.integer({ min: -3, max: 3 }), { minLength: length, maxLength: length }))),
  );

it('finds the largest sum of all spans that are short enough', () => {
  fc.assert(
    fc.property(logits, fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }), ([start, end], most) => {
      const length = start!.length;
      const sums: number[] = [];
      for (let first = 0; first < length; first++) {
        for (let last = first; last < Math.min(length, first + (most ?? length)); last++) {
          sums.push(start![first]! + end![last]!);
        }
      }
      const { first, last, logit } = bestSpan(start!, end!, length, most);
      expect(logit).toBe(Math.max(...sums));
      expect(start![first]! + end![last]!).toBe(logit);
      expect(last).toBeGreaterThanOrEqual(first);
      expect(last - first).toBeLessThan(most ?? length);
      expect(last).toBeLessThan(length);
    }),
  );
});

it('looks at no word beyond the passage', () => {
  expect(bestSpan([1, 0, 9], [0, 2, 9], 2)).toEqual({ first: 0, last: 1, logit: 3 });
});
