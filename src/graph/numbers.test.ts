import { describe, expect, it } from 'vitest';
import { numbersOf } from './numbers.ts';

describe('numbersOf', () => {
  it('decodes float16, minus zero among them', () => {
    const data = Uint16Array.of(0x3c00, 0xc000, 0x8000, 0x0001, 0x7c00, 0x7e00);
    expect([...numbersOf({ elementType: 'float16', dims: [6], data })!]).toEqual([
      1,
      -2,
      -0,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it('decodes bfloat16, the upper half of a float32', () => {
    const data = Uint16Array.of(0x3f80, 0xc049, 0x8000, 0xff80);
    expect([...numbersOf({ elementType: 'bfloat16', dims: [4], data })!]).toEqual([
      1,
      -3.140625,
      -0,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('gives other numbers as they are stored, and none for 64-bit integers and strings', () => {
    const data = Uint16Array.of(1, 40_000);
    expect(numbersOf({ elementType: 'uint16', dims: [2], data })).toBe(data);
    expect(numbersOf({ elementType: 'int64', dims: [1], data: BigInt64Array.of(1n) })).toBeUndefined();
    expect(numbersOf({ elementType: 'string', dims: [1], data: ['1'] })).toBeUndefined();
  });
});
