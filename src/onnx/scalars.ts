import { SlimError } from '../base/errors.ts';
import { malformed, type Reading } from './reading.ts';

/*
 * Integers and text between protobuf (64-bit integers, bytes) and the plain model (numbers, strings).
 */

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

const encoder = new TextEncoder();

/** A count or version at offset `at` as a number; throws a UsageError when it is negative or not a safe integer. */
export function readCount(value: bigint, what: string, reading: Reading, at: number): number {
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 0) throw malformed(reading, at, `${what} is ${value}`);
  return count;
}

/** An int64 as a number, its limits as ±Infinity; undefined for integers that a number does not hold exactly. */
export function readInt64(value: bigint): number | undefined {
  if (value === INT64_MAX) return Number.POSITIVE_INFINITY;
  if (value === INT64_MIN) return Number.NEGATIVE_INFINITY;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A number as int64, ±Infinity as its limits; throws a SlimError for fractions and unsafe integers. */
export function writeInt64(value: number, what: string): bigint {
  if (value === Number.POSITIVE_INFINITY) return INT64_MAX;
  if (value === Number.NEGATIVE_INFINITY) return INT64_MIN;
  if (!Number.isSafeInteger(value)) {
    throw new SlimError(`cannot write ${what}: expected a safe integer or ±Infinity, got ${value}`);
  }
  return BigInt(value);
}

/** The same number; throws a SlimError when it is negative or not a safe integer, and so no dimension or version. */
export function writeCount(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SlimError(`cannot write ${what}: expected an integer >= 0, got ${value}`);
  }
  return value;
}

/** Text as UTF-8 bytes; throws a SlimError for a lone surrogate, which UTF-8 cannot hold. */
export function writeText(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (/\p{Surrogate}/u.test(text)) {
    throw new SlimError(`cannot write ${what}: ${JSON.stringify(text)} has half a surrogate pair`);
  }
  return encoder.encode(text);
}
