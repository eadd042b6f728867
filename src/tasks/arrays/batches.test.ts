import { describe, expect, it } from 'vitest';
import { floats } from '../../graph/attributes.ts';
import type { ValueInfo } from '../../graph/types.ts';
import { TARGETS } from '../../train/trainingGraph.ts';
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
    inputs: [{ name: 'x', array, batchAxis }],
    zeros: [{ name: 'h', batchAxis: 1 }],
    sizes: {},
    fixedBatch: undefined,
  });
  const bound = (batch: number): ValueInfo[] => [{ name: 'h', type: { elementType: 'float32', shape: [1, batch, 4] } }];
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
    const { feeds, fill } = batchFeeds(examples(axis), targets, 2, bound(2));
    expect(fill(Uint32Array.of(2, 1))).toBe(3);
    expect(feeds.x!.dims).toEqual(dims);
    expect([...(feeds.x!.data as Float32Array)]).toEqual(values);
    expect(feeds[TARGETS]!.data).toEqual(BigInt64Array.of(5n, 6n, 3n, 4n));
    expect([...(feeds[PLACE_WEIGHTS]!.data as Float32Array)]).toEqual([1 / 3, 1 / 3, 1 / 3, 0].map(Math.fround));
    expect(feeds.h).toEqual(floats([1, 2, 4], new Array(8).fill(0)));
  });

  it('fills a batch up with its own examples, which do not count', () => {
    const { feeds, fill } = batchFeeds(examples(0), targets, 3, bound(3));
    expect(fill(Uint32Array.of(1))).toBe(1);
    expect([...(feeds.x!.data as Float32Array)]).toEqual([...Array(3)].flatMap(() => [100, 101, 110, 111]));
    expect([...(feeds[PLACE_WEIGHTS]!.data as Float32Array)]).toEqual([1, 0, 0, 0, 0, 0]);
  });
});
