import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDims,
  bindDim,
  broadcastShapes,
  divideDims,
  formatShape,
  isStatic,
  multiplyDims,
  normalizeAxis,
} from './dims.ts';
import type { Dim } from './types.ts';

const names = ['batch', 'time', 'n'];
const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 9 }),
  time: fc.integer({ min: 1, max: 9 }),
  n: fc.integer({ min: 1, max: 9 }),
});
const simple: fc.Arbitrary<Dim> = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom(...names));
const product = fc.array(simple, { maxLength: 4 }).map(multiplyDims);
const sum = fc.array(product, { minLength: 1, maxLength: 3 }).map(addDims);
/** Sums of products of sums …: whatever a graph of Concat and Reshape may make. */
const dim = fc.oneof(
  simple,
  product,
  sum,
  fc.array(fc.oneof(sum, simple), { maxLength: 3 }).map(multiplyDims),
  fc.array(sum, { minLength: 1, maxLength: 2 }).map(addDims),
);

describe('arithmetic on dimensions agrees with numbers', () => {
  it('when multiplied', () => {
    fc.assert(
      fc.property(fc.array(dim, { maxLength: 4 }), sizes, (dims, at) => {
        const expected = dims.reduce((p: number, d) => p * Number(bindDim(d, at)), 1);
        expect(bindDim(multiplyDims(dims), at)).toBe(expected);
      }),
    );
  });

  it('when added', () => {
    fc.assert(
      fc.property(fc.array(dim, { minLength: 1, maxLength: 4 }), sizes, (dims, at) => {
        const expected = dims.reduce((p: number, d) => p + Number(bindDim(d, at)), 0);
        expect(bindDim(addDims(dims), at)).toBe(expected);
      }),
    );
  });

  it('when divided', () => {
    fc.assert(
      fc.property(dim, dim, sizes, (a, b, at) => {
        const quotient = divideDims(a, b);
        if (quotient === undefined) return;
        expect(Number(bindDim(quotient, at)) * Number(bindDim(b, at))).toBe(bindDim(a, at));
      }),
    );
  });

  it('and division undoes multiplication', () => {
    const factor = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(...names));
    fc.assert(
      fc.property(fc.array(factor, { maxLength: 4 }), fc.array(factor, { maxLength: 3 }), (a, b) => {
        expect(divideDims(multiplyDims([...a, ...b]), multiplyDims(b))).toBe(multiplyDims(a));
      }),
    );
  });

  it('and equal products and sums are spelled alike', () => {
    const two = fc
      .array(dim, { minLength: 1, maxLength: 4 })
      .chain((dims) => fc.tuple(fc.constant(dims), fc.shuffledSubarray(dims, { minLength: dims.length })));
    fc.assert(
      fc.property(two, ([dims, shuffled]) => {
        expect(multiplyDims(shuffled)).toBe(multiplyDims(dims));
        expect(addDims(shuffled)).toBe(addDims(dims));
      }),
    );
  });

  it('and names may be bound one after another', () => {
    fc.assert(
      fc.property(dim, sizes, (d, { batch, time, n }) => {
        const first = bindDim(d, { batch });
        expect(bindDim(bindDim(first, { time }), { n })).toBe(bindDim(d, { batch, time, n }));
      }),
    );
  });
});

describe('spelling of dimensions', () => {
  it.each<[Dim, Dim]>([
    [multiplyDims([]), 1],
    [multiplyDims(['time', 20, 'batch']), '20*batch*time'],
    [multiplyDims([0, 'batch']), 0],
    [multiplyDims([1, 'batch']), 'batch'],
    [multiplyDims(['2*3*batch']), '6*batch'],
    [addDims(['batch', 0]), 'batch'],
    [addDims(['time', 1, 'batch']), '(batch+time+1)'],
    [addDims([addDims(['time', 1]), 'batch', 2]), '(batch+time+3)'],
    [addDims([addDims(['batch', 2]), -2]), 'batch'],
    [addDims(['batch', 'batch']), '2*batch'],
    [multiplyDims([2, addDims(['time', 1])]), '2*(time+1)'],
    [bindDim('2*(time+1)', { time: 4 }), 10],
    [bindDim('batch*time', { time: 'steps' }), 'batch*steps'],
    [bindDim('batch', {}), 'batch'],
    [bindDim('constructor', {}), 'constructor'],
  ])('%s is %s', (got, expected) => {
    expect(got).toBe(expected);
  });

  it('refuses division that leaves a remainder or an unknown', () => {
    expect(divideDims(7, 2)).toBeUndefined();
    expect(divideDims('batch', 2)).toBeUndefined();
    expect(divideDims(6, 'batch')).toBeUndefined();
    expect(divideDims(6, 0)).toBeUndefined();
  });
});

describe('shapes', () => {
  it.each<[readonly Dim[], readonly Dim[], readonly Dim[] | undefined]>([
    [[2, 3], [3], [2, 3]],
    [
      [2, 1],
      [1, 4],
      [2, 4],
    ],
    [[], [5], [5]],
    [[2], [3], undefined],
    [
      ['batch', 3],
      [1, 3],
      ['batch', 3],
    ],
    [['batch'], [4], [4]],
    [['batch'], ['batch'], ['batch']],
  ])('%j and %j broadcast to %j', (a, b, expected) => {
    expect(broadcastShapes(a, b)).toEqual(expected);
    expect(broadcastShapes(b, a)).toEqual(expected);
  });

  it('are static, printed and indexed', () => {
    expect(isStatic([1, 2])).toBe(true);
    expect(isStatic([1, 'batch'])).toBe(false);
    expect(isStatic(undefined)).toBe(false);
    expect(formatShape(['time', 2])).toBe('[time, 2]');
    expect(formatShape(undefined)).toBe('[unknown rank]');
    expect([normalizeAxis(-1, 3), normalizeAxis(2, 3), normalizeAxis(3, 3), normalizeAxis(-4, 3)]).toEqual([
      2,
      2,
      undefined,
      undefined,
    ]);
  });
});
