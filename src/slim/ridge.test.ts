import { expect, it } from 'vitest';
import { ridgeRegression } from './ridge.ts';

/** Second moments of rows. */
function moments(rows: readonly (readonly number[])[]) {
  const n = rows[0]!.length;
  const average = (of: (row: readonly number[]) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  return {
    mean: Float64Array.from({ length: n }, (_, i) => average((row) => row[i]!)),
    products: Float64Array.from({ length: n * n }, (_, at) =>
      average((row) => row[Math.floor(at / n)]! * row[at % n]!),
    ),
  };
}

it('finds what is linear exactly, with its offset', () => {
  const rows = [
    [1, 2],
    [3, -1],
    [0, 4],
    [2, 2],
  ].map(([a, b]) => [a!, b!, 2 * a! - b! + 5]);
  const { coefficients, offsets } = ridgeRegression(moments(rows), [2], [0, 1], 1e-12);
  expect(coefficients[0]![0]).toBeCloseTo(2, 6);
  expect(coefficients[0]![1]).toBeCloseTo(-1, 6);
  expect(offsets[0]).toBeCloseTo(5, 6);
});

it('shrinks towards the mean as the ridge grows, and gives nothing to what never varies', () => {
  const rows = [-1, 1].map((a) => [a, 3, a + 7]);
  const { coefficients, offsets } = ridgeRegression(moments(rows), [2], [0], 1);
  expect(coefficients[0]![0]).toBeCloseTo(0.5, 12);
  expect(offsets[0]).toBeCloseTo(7, 12);
  expect(ridgeRegression(moments(rows), [2], [1], 0.1)).toEqual({ coefficients: [Float64Array.of(0)], offsets: [7] });
  expect(ridgeRegression(moments(rows), [2], [], 0.1).offsets).toEqual([7]);
});
