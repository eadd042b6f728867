import { z } from 'zod';

/*
 * Configurations are unions by kind: each task, model, method, optimizer and schedule has fields of its own. Files and
 * flags say them side by side, without nesting; a name means the same wherever it occurs.
 */

/** Fields as files and flags say them, side by side. */
export type Settings = Readonly<Record<string, unknown>>;

/** The choice of one of several kinds with the values of its fields. */
export interface Section {
  readonly kind: string;
  readonly [field: string]: unknown;
}

/** How messages name a field, such as by its flag. */
export type FieldName = (field: string) => string;

/** How the command line writes a field: `learningRate` → `--learning-rate`. */
export function flagName(field: string): string {
  return `--${field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

/** A reader of the sections of one kind; fields of others are left out. Throws a ZodError for values that do not fit. */
export function sectionReader<S extends z.ZodRawShape>(fields: S): (section: Section) => z.infer<z.ZodObject<S>> {
  const schema = z.object(fields);
  return (section) => schema.parse(section);
}

/** What a field holds, as far as writing its values goes: `names` is a list of them, `pairs` gives values to names. */
export type FieldKind = 'boolean' | 'whole' | 'number' | 'text' | 'numbers' | 'names' | 'pairs';

/** The schema of a field's values, where there are some. */
export function innerSchema(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}

/** What the schema of a field holds. */
export function fieldKind(schema: z.ZodType): FieldKind {
  const inner = innerSchema(schema);
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodRecord) return 'pairs';
  if (inner instanceof z.ZodArray) return inner.element instanceof z.ZodString ? 'names' : 'numbers';
  if (inner instanceof z.ZodNumberFormat) return 'whole';
  return inner instanceof z.ZodNumber ? 'number' : 'text';
}

/** True for a value that asks for nothing: a switch that is off, a strength of 0. */
export function isIdle(value: unknown): boolean {
  return value === undefined || value === false || value === 'none' || value === 0;
}
