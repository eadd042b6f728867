import { describe, expect, it } from 'vitest';
import { summarizeNorms } from './normSummary.ts';

describe('summarizeNorms', () => {
  it('has the median of all, and zeros apart from the bins', () => {
    const { min, median, max, zeros, histogram } = summarizeNorms([0, 4, 1, 0])!;
    expect({ min, median, max, zeros }).toEqual({ min: 0, median: 0.5, max: 4, zeros: 2 });
    expect(histogram).toEqual([1, ...Array(14).fill(0), 1]);
  });

  it('divides the bins evenly in logarithm', () => {
    const norms = Array.from({ length: 17 }, (_, i) => 10 ** (i / 2 - 8));
    expect(summarizeNorms(norms)!.histogram.reduce((a, b) => a + b)).toBe(17);
    expect(summarizeNorms([1e-4, 1e-2, 1])!.histogram[8]).toBe(1);
  });

  it('puts equal norms into one bin, and none into no bin', () => {
    expect(summarizeNorms([2, 2, 2])).toEqual({ min: 2, median: 2, max: 2, zeros: 0, histogram: [3] });
    expect(summarizeNorms([0])).toMatchObject({ zeros: 1, histogram: [] });
    expect(summarizeNorms([])).toBeUndefined();
  });
});
