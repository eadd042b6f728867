import { describe, expect, it } from 'vitest';
import { floats } from '../../graph/attributes.ts';
import { TARGETS } from '../task.ts';
import { batchFeeds, shuffled } from './batches.ts';
import type { Examples } from './examples.ts';
import { PLACE_WEIGHTS } from './scoring.ts';

describe('shuffled', () => {
  it('holds every example once, in another order for each seed and epoch', () => {
    const orders = [shuffled(50, 1, 0), shuffled(50, 1, 1), shuffled(50, 2, 0)];
    for (const order of orders) expect([...order].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect(new Set(orders.map(String)).size).toBe(3);
    expect(shuffled(50, 1, 1)).toEqual(orders[1]);
  });
});

describe('batchFeeds', () => {
  // Three examples of two steps with two numbers each: 100·example + 10·step + index.
  const array = floats([3, 2, 2], [0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211]);
  const examples = (batchAxis: number): Examples => ({
    source: 'test',
    count: 3,
    inputs: [{ name: 'x', array, batchAxis, from: 'x', padded: undefined }],
    zeros: [{ name: 'h', batchAxis: 1 }],
    sizes: {},
    fixedBatch: undefined,
  });
  const targets = {
    values: BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n),
    counts: Uint8Array.of(1, 1, 1, 0, 1, 1),
    places: 2,
  };

  it.each([
    [0, [2, 2, 2], [200, 201, 210, 211, 100, 101, 110, 111]],
    [1, [2, 2, 2], [200, 201, 100, 101, 210, 211, 110, 111]],
    [2, [2, 2, 2], [200, 100, 201, 101, 210, 110, 211, 111]],
  ])('lays the examples along axis %i', (axis, dims, values) => {
    const { feeds: make, fill } = batchFeeds(examples(axis), targets, 2);
    const feeds = make();
    expect(fill(Uint32Array.of(2, 1), feeds)).toBe(3);
    expect(feeds.x!.dims).toEqual(dims);
    expect([...(feeds.x!.data as Float32Array)]).toEqual(values);
    expect(feeds[TARGETS]!.data).toEqual(BigInt64Array.of(5n, 6n, 3n, 4n));
    expect([...(feeds[PLACE_WEIGHTS]!.data as Float32Array)]).toEqual([1 / 3, 1 / 3, 1 / 3, 0].map(Math.fround));
    // Inputs that are fed zeros are the trainer's: their sizes change when the model shrinks.
    expect(Object.keys(feeds).sort()).toEqual([TARGETS, PLACE_WEIGHTS, 'x'].sort());
  });

  it('fills a batch up with its own examples, which do not count', () => {
    const { feeds: make, fill } = batchFeeds(examples(0), targets, 3);
    const feeds = make();
    expect(fill(Uint32Array.of(1), feeds)).toBe(1);
    expect([...(feeds.x!.data as Float32Array)]).toEqual([...Array(3)].flatMap(() => [100, 101, 110, 111]));
    expect([...(feeds[PLACE_WEIGHTS]!.data as Float32Array)]).toEqual([1, 0, 0, 0, 0, 0]);
  });

  it('fills a batch in which nothing counts with some example', () => {
    const { feeds: make, fill } = batchFeeds(examples(0), targets, 2);
    const feeds = make();
    fill(Uint32Array.of(1, 2), feeds);
    expect(fill(new Uint32Array(0), feeds)).toBe(0);
    expect([...(feeds[PLACE_WEIGHTS]!.data as Float32Array)]).toEqual([0, 0, 0, 0]);
    expect([...(feeds.x!.data as Float32Array)]).toEqual([0, 1, 10, 11, 0, 1, 10, 11]);
  });
});
