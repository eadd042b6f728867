import { describe, expect, it } from 'vitest';
import { interleave, median, percentile, spread } from './statistics.ts';

describe('statistics', () => {
  it('gives median and 90th percentile, whatever the order', () => {
    const values = [7, 1, 9, 3, 5, 10, 2, 8, 4, 6];
    expect(spread(values)).toEqual({ median: 5.5, p90: 9, min: 1, max: 10 });
    expect(percentile([...values, 11], 0.9)).toBe(10);
    expect(spread([4])).toEqual({ median: 4, p90: 4, min: 4, max: 4 });
  });

  it('has none of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => percentile([], 0.9)).toThrow(RangeError);
  });

  it('lets pieces of work take turns, and does not count the warm-up', async () => {
    const order: string[] = [];
    const works = ['a', 'b'].map((name) => async () => void order.push(name));
    const times = await interleave(works, { rounds: 2, burst: 2 });
    expect(order.join('')).toBe('aabb'.repeat(3));
    expect(times.map((t) => t.length)).toEqual([4, 4]);
  });
});
