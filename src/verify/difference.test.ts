import { describe, expect, it } from 'vitest';
import { floats, int64s } from '../graph/attributes.ts';
import type { Tensor } from '../graph/types.ts';
import { Tally } from './difference.ts';

function tallyOf(...pairs: [Tensor, Tensor][]) {
  const tally = new Tally();
  for (const [a, b] of pairs) tally.compare('y', a, b);
  return tally;
}
const difference = (...pairs: [Tensor, Tensor][]) => tallyOf(...pairs).difference;
const vector = (...values: number[]) => floats([values.length], values);

describe('Tally', () => {
  it('measures largest and mean differences, absolute and relative to the largest value', () => {
    expect(difference([vector(1, -4, 2, 0), vector(1, -4, 3, 0)], [vector(0, 8), vector(2, 8)])).toEqual({
      maxAbsDifference: 2,
      maxRelativeDifference: 0.25,
      meanAbsDifference: 3 / 6,
      meanRelativeDifference: (0.25 + 0.25) / 6,
      batches: 0,
    });
  });

  it('takes NaN beside NaN and equal infinities as equal, and NaN beside a number as infinitely far', () => {
    const odd = vector(Number.NaN, Number.POSITIVE_INFINITY, 1);
    expect(difference([odd, odd]).maxAbsDifference).toBe(0);
    expect(difference([odd, vector(0, Number.POSITIVE_INFINITY, 1)]).maxAbsDifference).toBe(Number.POSITIVE_INFINITY);
    expect(difference([vector(0, 1), vector(0, Number.NaN)]).maxRelativeDifference).toBe(Number.POSITIVE_INFINITY);
    expect(difference([vector(0, 1), vector(-0, 1)]).maxAbsDifference).toBe(0);
  });

  const rows: readonly [number, number][] = [
    [1, 1.5],
    [Number.NaN, 0],
    [2, 2.001],
  ];
  it.each(ordersOf(rows).map((order) => ({ order })))(
    'counts NaN as infinitely far in every order: $order',
    ({ order }) => {
      const infinite = {
        maxAbsDifference: Number.POSITIVE_INFINITY,
        maxRelativeDifference: Number.POSITIVE_INFINITY,
        meanAbsDifference: Number.POSITIVE_INFINITY,
        meanRelativeDifference: Number.POSITIVE_INFINITY,
      };
      for (const [from, to] of [[0, 1] as const, [1, 0] as const]) {
        const columns = [from, to].map((column) => vector(...order.map((row) => row[column]!))) as [Tensor, Tensor];
        const windows = order.map((row): [Tensor, Tensor] => [vector(row[from]), vector(row[to])]);
        for (const pairs of [[columns], windows]) {
          const tally = tallyOf(...pairs);
          expect(tally.difference).toMatchObject(infinite);
          expect(tally.worstOf.get('y')).toBe(Number.POSITIVE_INFINITY);
        }
      }
    },
  );

  it.each(ordersOf(rows).map((order) => ({ order })))(
    'keeps the worst beside NaN that is equal: $order',
    ({ order }) => {
      const expected = vector(...order.map(([x]) => x));
      const got = vector(...order.map(([x, y]) => (Number.isNaN(x) ? x : y)));
      expect(tallyOf([expected, got]).worstOf.get('y')).toBe(0.25);
    },
  );

  it('decodes 16-bit floats', () => {
    const half = (...bits: number[]): Tensor => {
      return { elementType: 'float16', dims: [bits.length], data: Uint16Array.from(bits) };
    };
    expect(difference([half(0x3c00, 0xc000), half(0x3c01, 0xc000)])).toMatchObject({
      maxAbsDifference: 2 ** -10,
      maxRelativeDifference: 2 ** -11,
    });
  });

  it('counts how many integers, flags and texts are equal', () => {
    const text = (...data: string[]): Tensor => ({ elementType: 'string', dims: [data.length], data });
    const found = difference([int64s([3], [1, 2, 3]), int64s([3], [1, 9, 3])], [text('a', 'b'), text('a', 'c')]);
    expect(found).toMatchObject({ maxAbsDifference: 0, meanAbsDifference: 0, agreement: 3 / 5 });
    expect(difference([vector(1), vector(1)])).not.toHaveProperty('agreement');
  });

  it('refuses outputs of other types and sizes', () => {
    expect(() => difference([vector(1), int64s([1], [1])])).toThrow(
      "output 'y' is int64 in the smaller model, expected float32",
    );
    expect(() => difference([vector(1, 2), vector(1)])).toThrow(
      /dimensions \[1\] in the smaller model, expected \[2\]/,
    );
  });
});

/** All orders of a list. */
function ordersOf<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((first, i) => ordersOf(list.filter((_, j) => j !== i)).map((rest) => [first, ...rest]));
}
