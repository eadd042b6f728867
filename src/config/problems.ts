import type { z } from 'zod';
import type { FieldName } from '../base/fields.ts';
import { didYouMean } from '../base/suggest.ts';

/*
 * What does not fit in a configuration, in words: what is expected of a field, what was given, what was probably meant.
 */

/** A field that does not fit, and one that is missing. */
export type Misfit = { readonly problem: string } | { readonly missing: string };

/** What each issue of a schema means; `values` are those that were checked. */
export function misfits(
  error: z.ZodError,
  values: Readonly<Record<PropertyKey, unknown>>,
  nameOf: FieldName = (field) => field,
): Misfit[] {
  return error.issues.map((issue): Misfit => {
    const [field, ...inside] = issue.path;
    const value = field === undefined ? values : values[field];
    if (value === undefined) return { missing: String(field) };
    const element = typeof inside[0] === 'number' ? ` (element ${inside[0] + 1})` : '';
    const hint =
      issue.code === 'invalid_value' && typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : '';
    return { problem: `${nameOf(String(field))}${element}: expected ${expected(issue)}, got ${written(value)}${hint}` };
  });
}

/** A value that is none of some names. */
export function noSuch(what: string, value: unknown, names: readonly string[]): string {
  return `${what}: expected ${names.join(' or ')}, got ${written(value)}${didYouMean(String(value), names)}`;
}

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  array: 'a list of whole numbers',
  boolean: 'true or false',
  object: 'fields and values',
  record: 'names and values',
  string: 'a name',
};

function expected(issue: z.core.$ZodIssue): string {
  const list = 'origin' in issue && issue.origin === 'array';
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? issue.expected;
    case 'too_small':
      return `${list ? 'a list of ' : ''}${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
    case 'invalid_value':
      return issue.values.join(' or ');
    default:
      return issue.message;
  }
}

/** Numbers that JSON cannot hold are spelled out. */
function written(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
}
