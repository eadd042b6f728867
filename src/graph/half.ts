/*
 * IEEE 754 half precision: 1 sign bit, 5 exponent bits (bias 15), 10 bits of the significand.
 *   exponent 0:     ± significand · 2^-24 (zero and subnormals)
 *   exponent 1..30: ± (1024 + significand) · 2^(exponent - 25)
 *   exponent 31:    ± Infinity (significand 0) or NaN
 */

/** Halfway between the largest half, 65504, and what would be the next: from here on values round to infinity. */
const OVERFLOW = 65520;
const SMALLEST_NORMAL = 2 ** -14;

/** The value of a float16 given by its 16 bits; exact. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const significand = bits & 1023;
  if (exponent === 0) return sign * significand * 2 ** -24;
  if (exponent === 31) return significand === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + significand) * 2 ** (exponent - 25);
}

const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

/** The 16 bits of the float16 nearest to a value: ties go to the even one, 65520 and more to infinity, NaN to 0x7e00. */
export function floatToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  float64[0] = value;
  const high = words[1]!;
  const sign = (high >>> 16) & 0x8000;
  const size = Math.abs(value);
  if (size >= OVERFLOW) return sign | 0x7c00;
  if (size < SMALLEST_NORMAL) return sign | roundToEven(size * 2 ** 24);
  const exponent = ((high >>> 20) & 2047) - 1023;
  // The rounded significand has its leading 1 (1024) still in it, which adds one to the exponent; so does a carry.
  return sign | (((exponent + 14) << 10) + roundToEven(size * 2 ** (10 - exponent)));
}

/** Rounds a number from 0 to 2^51: beside 2^52 a double has no room for fractions, and rounds ties to even itself. */
function roundToEven(value: number): number {
  return value + 2 ** 52 - 2 ** 52;
}

const float32 = new Float32Array(1);
const bits32 = new Uint32Array(float32.buffer);

/** The 16 bits of the bfloat16 nearest to a float32, which are its upper half: ties go to the even one, NaN to 0x7fc0. */
export function floatToBrainHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  float32[0] = value;
  const bits = bits32[0]!;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
