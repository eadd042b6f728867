import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { FieldKind } from '../base/fields.ts';

/** A value of some field. */
export const fieldValueSchema = z.union([
  z.number(),
  z.boolean(),
  z.string(),
  z.array(z.number()),
  z.array(z.string()),
]);
export type FieldValue = z.infer<typeof fieldValueSchema>;

/** Kinds of fields of which a flag takes several values; names may hold any of the signs that would separate them. */
export type VariedKind = Exclude<FieldKind, 'names' | 'pairs'>;

/** True for `a..b` in a field of numbers. */
export function isRange(kind: FieldKind, text: string): boolean {
  return (kind === 'number' || kind === 'whole') && text.includes('..');
}

/**
 * The values that a text means: `0.002`, a list `0.002,0.004` (lists of sizes: `200,200/100,100`), or `count` values
 * from a to b with equal ratios for `a..b`. Throws a UsageError in which `flag` names the field.
 */
export function parseValues(kind: VariedKind, text: string, flag: string, count: number | undefined): FieldValue[] {
  const parse = (part: string): FieldValue => {
    if (kind === 'numbers') return part.split(',').map((number) => parseNumber(number, flag));
    if (kind === 'boolean') return parseBoolean(part, flag);
    return kind === 'text' ? part : parseNumber(part, flag);
  };
  const parts = text.split(kind === 'numbers' ? '/' : ',');
  const values = isRange(kind, text)
    ? logRange(text, flag, count, kind === 'whole')
    : parts.map((part) => parse(part.trim()));
  const texts = values.map((value) => JSON.stringify(value));
  const twice = values.find((_, i) => texts.indexOf(texts[i]!) !== i);
  if (twice === undefined) return values;
  // Two equal runs are a slip, or more values than a range has.
  throw new UsageError(`${flag} has the value ${String(twice)} more than once (a smaller --count, or a wider range)`);
}

/** Digits that the values of a range are rounded to, so that they can be read and typed again. */
const DIGITS = 4;

/** a · (b/a)^(i/(n−1)) for i = 0 … n−1, the ends as they are given. */
function logRange(text: string, flag: string, count: number | undefined, whole: boolean): number[] {
  const [from, to, ...rest] = text.split('..').map((part) => parseNumber(part, flag));
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new UsageError(`${flag} takes a range as a..b, got '${text}'`);
  }
  if (from <= 0) throw new UsageError(`${flag} ${text}: a range needs numbers above 0, because its steps are ratios`);
  if (from >= to) throw new UsageError(`${flag} ${text}: the range is empty; its first number must be the smaller one`);
  if (count === undefined) throw new UsageError(`${flag} ${text}: say with --count how many values the range has`);
  if (count < 2) throw new UsageError(`--count ${count}: a range has at least 2 values, its ends`);
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return from;
    if (i === count - 1) return to;
    const value = from * (to / from) ** (i / (count - 1));
    return whole ? Math.round(value) : Number(value.toPrecision(DIGITS));
  });
}

function parseNumber(text: string, flag: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new UsageError(`${flag} takes numbers, got '${text}'`);
  return value;
}

function parseBoolean(text: string, flag: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UsageError(`${flag} takes true or false, got '${text}'`);
}
