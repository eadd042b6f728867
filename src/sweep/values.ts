import { UsageError } from '../base/errors.ts';
import type { FieldKind } from '../base/fields.ts';

/*
 * What stands behind a flag of a sweep: one value, a list, or a range of numbers.
 */

/** A value of some field. */
export type FieldValue = number | boolean | string | readonly number[] | readonly string[];

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
  if (isRange(kind, text)) return distinct(logRange(text, flag, count, kind === 'whole'), flag);
  const parts = text.split(kind === 'numbers' ? '/' : ',').map((part) => part.trim());
  return distinct(
    parts.map((part) => parseValue(kind, part, flag)),
    flag,
  );
}

function parseValue(kind: VariedKind, text: string, flag: string): FieldValue {
  switch (kind) {
    case 'numbers':
      return text.split(',').map((number) => parseNumber(number, flag));
    case 'boolean':
      return parseBoolean(text, flag);
    case 'text':
      return text;
    default:
      return parseNumber(text, flag);
  }
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

/** Two equal runs are a slip, or more values than a range has. */
function distinct(values: readonly FieldValue[], flag: string): FieldValue[] {
  const texts = values.map((value) => JSON.stringify(value));
  const twice = values.find((_, i) => texts.indexOf(texts[i]!) !== i);
  if (twice === undefined) return [...values];
  throw new UsageError(`${flag} has the value ${String(twice)} more than once (a smaller --count, or a wider range)`);
}
