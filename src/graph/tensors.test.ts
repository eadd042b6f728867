import { describe, expect, it } from 'vitest';
import { floats, int64s } from './attributes.ts';
import { concatTensors, emptyData, sliceTensor, stridedTensor, stridesOf } from './tensors.ts';
import type { Tensor } from './types.ts';

const counted = (...dims: number[]) =>
  floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i),
  );
const values = (tensor: Tensor) => Array.from<unknown>(tensor.data);

describe('stridedTensor', () => {
  const x = counted(2, 3);

  it('puts elements in another order: transposed, reversed, repeated', () => {
    expect(values(stridedTensor(x, [3, 2], [1, 3]))).toEqual([0, 3, 1, 4, 2, 5]);
    expect(values(stridedTensor(x, [2, 2], [3, -2], 2))).toEqual([2, 0, 5, 3]);
    expect(values(stridedTensor(counted(2), [2, 3], [1, 0]))).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('shares the memory of elements that lie side by side', () => {
    const row = stridedTensor(x, [1, 3], stridesOf([2, 3]), 3);
    expect(values(row)).toEqual([3, 4, 5]);
    expect((row.data as Float32Array).buffer).toBe((x.data as Float32Array).buffer);
    expect(stridedTensor(x, [6], [1]).data).toBe(x.data);
  });

  it('takes numbers, no elements, and texts', () => {
    expect(values(stridedTensor(floats([], [7]), [], []))).toEqual([7]);
    expect(values(stridedTensor(x, [0, 3], [3, 1]))).toEqual([]);
    const texts: Tensor = { elementType: 'string', dims: [3], data: ['a', 'b', 'c'] };
    expect(values(stridedTensor(texts, [2], [-2], 2))).toEqual(['c', 'a']);
  });
});

it('concatTensors joins along any axis', () => {
  expect(values(concatTensors([counted(2, 2), counted(2, 1)], 1))).toEqual([0, 1, 0, 2, 3, 1]);
  const ints = concatTensors([int64s([1], [5]), int64s([0], []), int64s([2], [6, 7])], 0);
  expect(ints).toEqual(int64s([3], [5, 6, 7]));
});

it('sliceTensor keeps the listed indices in their order', () => {
  expect(sliceTensor(counted(2, 3), [[1], [2, 0]])).toEqual(floats([1, 2], [5, 3]));
  expect(sliceTensor(floats([], [4]), [])).toEqual(floats([], [4]));
});

it('emptyData holds zeros, or empty texts', () => {
  expect(emptyData('int64', 2)).toEqual(new BigInt64Array(2));
  expect(emptyData('string', 1)).toEqual(['']);
});
