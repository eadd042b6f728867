import { SlimError } from '../errors.ts';
import { malformed, type Reading, unsupported } from './reading.ts';

/*
 * Integers and text between protobuf (64-bit integers, bytes) and the plain model (numbers, strings).
 */

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

// A byte order mark at the start is part of the text.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** A count or version of the file as a number; throws a UsageError when it is negative or not a safe integer. */
export function readCount(value: bigint, what: string, reading: Reading): number {
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 0) throw malformed(reading, `${what} is ${value}`);
  return count;
}

/** An int64 attribute as a number, its limits as ±Infinity; throws a UsageError for other unsafe integers. */
export function readInt64(value: bigint, what: string, reading: Reading): number {
  if (value === INT64_MAX) return Number.POSITIVE_INFINITY;
  if (value === INT64_MIN) return Number.NEGATIVE_INFINITY;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    const fix = 'use an integer of at most 2^53 - 1, or the int64 limit, in size';
    throw unsupported(reading, `${what} is ${value}, beyond the integers that a number holds exactly`, fix);
  }
  return number;
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

/** A dimension or version as int64; throws a SlimError when it is negative or not a safe integer. */
export function writeCount(value: number, what: string): bigint {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new SlimError(`cannot write ${what}: expected an integer >= 0, got ${value}`);
  }
  return BigInt(value);
}

/** UTF-8 bytes as text; throws a UsageError for bytes that are no UTF-8. */
export function readText(bytes: Uint8Array, what: string, reading: Reading): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw unsupported(reading, `${what} holds bytes that are not UTF-8 text`, 'store binary data as a uint8 tensor');
  }
}

/** Text as UTF-8 bytes; throws a SlimError for a lone surrogate, which UTF-8 cannot hold. */
export function writeText(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (/\p{Surrogate}/u.test(text)) {
    throw new SlimError(`cannot write ${what}: ${JSON.stringify(text)} has half a surrogate pair`);
  }
  return encoder.encode(text);
}
