import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type TrainConfig, trainConfigSchema } from '../train/config.ts';

/*
 * What stands behind a flag of a sweep: one value, a list, or a range of numbers. The schema of the configuration says
 * what a field holds.
 */

/** A value of some field. */
export type FieldValue = Exclude<TrainConfig[keyof TrainConfig], undefined>;

/** Kind of a field, as far as writing its values goes. */
export type FieldKind = 'number' | 'whole' | 'numbers' | 'boolean' | 'text';

/** Fields of a training configuration. */
export const fieldNames = Object.keys(trainConfigSchema.shape) as (keyof TrainConfig)[];

/** What a field holds. */
export function fieldKind(field: keyof TrainConfig): FieldKind {
  const schema: z.ZodType = trainConfigSchema.shape[field];
  const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodArray) return 'numbers';
  if (inner instanceof z.ZodNumberFormat) return 'whole';
  return inner instanceof z.ZodNumber ? 'number' : 'text';
}

/** True for `a..b`. */
export function isRange(text: string): boolean {
  return text.includes('..');
}

/**
 * The values that a text means: `0.002`, a list `0.002,0.004` (lists of sizes: `200,200/100,100`), or `count` values
 * from a to b with equal ratios for `a..b`. Throws a UsageError in which `flag` names the field.
 */
export function parseValues(
  field: keyof TrainConfig,
  text: string,
  flag: string,
  count: number | undefined,
): FieldValue[] {
  const kind = fieldKind(field);
  if (kind === 'numbers') {
    return distinct(
      text.split('/').map((part) => part.split(',').map((number) => parseNumber(number, flag))),
      flag,
    );
  }
  if ((kind === 'number' || kind === 'whole') && isRange(text)) {
    return distinct(logRange(text, flag, count, kind === 'whole'), flag);
  }
  const parts = text.split(',').map((part) => part.trim());
  switch (kind) {
    case 'boolean':
      return distinct(
        parts.map((part) => parseBoolean(part, flag)),
        flag,
      );
    case 'text':
      return distinct(parts, flag);
    default:
      return distinct(
        parts.map((part) => parseNumber(part, flag)),
        flag,
      );
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
function distinct<T extends FieldValue>(values: readonly T[], flag: string): T[] {
  const texts = values.map((value) => JSON.stringify(value));
  const twice = values.find((_, i) => texts.indexOf(texts[i]!) !== i);
  if (twice === undefined) return [...values];
  throw new UsageError(`${flag} has the value ${String(twice)} more than once (a smaller --count, or a wider range)`);
}
