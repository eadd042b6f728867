import type { z } from 'zod';
import { parseJson } from '../base/json.ts';
import {
  configSchema,
  epochSchema,
  liveSchema,
  RUN_FORMAT,
  type RunLive,
  type RunResultRecord,
  resultSchema,
  type SavedConfig,
} from './record.ts';
import { configOfVersion1, epochOfVersion1, liveOfVersion1, resultOfVersion1 } from './version1.ts';

/*
 * The documents of a run directory, whichever version of slimrnn wrote them, in the form of today; undefined for what
 * is damaged or of a version that this one does not know (`refusal`).
 */

/** Undefined for what is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function either<T>(schema: z.ZodType<T>, ofVersion1: (value: unknown) => NoInfer<T> | undefined) {
  return (value: unknown): T | undefined => schema.safeParse(value).data ?? ofVersion1(value);
}

const shallowConfigFrom = either<SavedConfig>(configSchema(RUN_FORMAT), configOfVersion1);

/** config.json; deeper nested than a few levels it is taken for damaged. */
export function configFrom(value: unknown): SavedConfig | undefined {
  return isShallow(value, MOST_LEVELS) ? shallowConfigFrom(value) : undefined;
}

/** A line of metrics.jsonl. */
export const epochFrom = either(epochSchema, epochOfVersion1);

/** live.json. */
export const liveFrom = either<RunLive>(liveSchema, liveOfVersion1);

/** result.json. */
export const resultFrom = either<RunResultRecord>(resultSchema, resultOfVersion1);

/** Why a file is not read, by the name of the version that wrote it where it says so or `writer` is known. */
export function refusal(file: string, value: unknown, writer?: string | undefined): string {
  const format = fieldOf(value, 'format');
  if ((typeof format !== 'number' && typeof format !== 'string') || format === RUN_FORMAT) {
    return `${file} is damaged, or of another version`;
  }
  const version = writer ?? writerOf(value) ?? `another version (format ${String(format).slice(0, 20)})`;
  return `${file} was written by ${version} of slimrnn, which this version cannot read`;
}

/** The version of slimrnn that wrote a result.json, if it says so. */
export function writerOf(result: unknown): string | undefined {
  const version = fieldOf(fieldOf(result, 'environment'), 'slimrnn');
  return typeof version === 'string' ? `version ${version.slice(0, 20)}` : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** How deep config.json may be nested: deeper, it could not be written as JSON again, which takes a call a level. */
const MOST_LEVELS = 32;

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}
