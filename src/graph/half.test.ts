import { describe, expect, it } from 'vitest';
import { floatToBrainHalf, floatToHalf, halfToFloat } from './half.ts';

const isNaNBits = (bits: number) => (bits & 0x7c00) === 0x7c00 && (bits & 0x03ff) !== 0;

/** The next double towards +Infinity, for positive values. */
function next(value: number): number {
  const view = new BigUint64Array(Float64Array.of(value).buffer);
  view[0] = view[0]! + 1n;
  return new Float64Array(view.buffer)[0]!;
}

/** The next double towards zero, for positive values. */
function previous(value: number): number {
  const view = new BigUint64Array(Float64Array.of(value).buffer);
  view[0] = view[0]! - 1n;
  return new Float64Array(view.buffer)[0]!;
}

it('knows the landmarks of the format', () => {
  expect(halfToFloat(0x0000)).toBe(0);
  expect(halfToFloat(0x8000)).toBe(-0);
  expect(halfToFloat(0x0001)).toBe(2 ** -24);
  expect(halfToFloat(0x03ff)).toBe(1023 * 2 ** -24);
  expect(halfToFloat(0x0400)).toBe(2 ** -14);
  expect(halfToFloat(0x3555)).toBe(0.333251953125);
  expect(halfToFloat(0x3c00)).toBe(1);
  expect(halfToFloat(0xc000)).toBe(-2);
  expect(halfToFloat(0x7bff)).toBe(65504);
  expect(halfToFloat(0x7c00)).toBe(Number.POSITIVE_INFINITY);
  expect(halfToFloat(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
  expect(halfToFloat(0x7c01)).toBeNaN();
  expect(floatToHalf(Number.NaN)).toBe(0x7e00);
  expect(floatToHalf(1e300)).toBe(0x7c00);
  expect(floatToHalf(-1e300)).toBe(0xfc00);
  expect(floatToHalf(Number.MIN_VALUE)).toBe(0);
  expect(floatToHalf(-Number.MIN_VALUE)).toBe(0x8000);
});

it('gives every one of the 65536 values back', () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 65536; bits++) {
    const value = halfToFloat(bits);
    const ok = isNaNBits(bits) ? Number.isNaN(value) && floatToHalf(value) === 0x7e00 : floatToHalf(value) === bits;
    if (!ok) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

it('ascends with the bits', () => {
  const values = Array.from({ length: 0x7c01 }, (_, bits) => halfToFloat(bits));
  expect(values.every((value, i) => i === 0 || value > values[i - 1]!)).toBe(true);
});

it('rounds to the nearest between all neighbours, and ties to the even one', () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 0x7c00; bits++) {
    // Rounding takes infinity for the number that would come after 65504.
    const above = bits === 0x7bff ? 65536 : halfToFloat(bits + 1);
    const middle = (halfToFloat(bits) + above) / 2;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const got = [floatToHalf(previous(middle)), floatToHalf(middle), floatToHalf(next(middle)), floatToHalf(-middle)];
    if (got[0] !== bits || got[1] !== even || got[2] !== bits + 1 || got[3] !== (even | 0x8000)) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

describe('floatToBrainHalf', () => {
  it.each([
    ['a number that fits', 1.5, 0x3fc0],
    ['half way up, to the even one', 1 + 3 * 2 ** -8, 0x3f82],
    ['half way down, to the even one', 1 + 2 ** -8, 0x3f80],
    ['a little more than half way', Math.fround(1 + 2 ** -8 + 2 ** -20), 0x3f81],
    ['the largest float32, to infinity', 3.4028234663852886e38, 0x7f80],
    ['minus infinity', Number.NEGATIVE_INFINITY, 0xff80],
    ['minus zero', -0, 0x8000],
    ['no number', Number.NaN, 0x7fc0],
  ])('rounds %s', (_, value, bits) => {
    expect(floatToBrainHalf(value)).toBe(bits);
  });
});
