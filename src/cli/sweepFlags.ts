import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type FieldKind, fieldKind, flagName, type Settings } from '../base/fields.ts';
import { misfits } from '../config/problems.ts';
import type { Varied } from '../sweep/grid.ts';
import { type FieldValue, isRange, parseValues, type VariedKind } from '../sweep/values.ts';
import { tasks } from '../tasks/registry.ts';
import { flagGroups, optionsFor } from './configFlags.ts';

/** A field and what it holds. */
interface Field {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly kind: FieldKind;
  /** The group of the help that it stands in. */
  readonly title: string;
}

/** All runs have as many threads: their times and results would not compare. */
const sweepFields: readonly Field[] = flagGroups(tasks).flatMap(({ title, fields }) =>
  Object.entries(fields).flatMap(([name, schema]): Field[] =>
    name === 'threads' ? [] : [{ name, schema: schema as z.ZodType, kind: fieldKind(schema as z.ZodType), title }],
  ),
);

/** Names of the fields that have a flag. */
export const sweepFieldNames: readonly string[] = sweepFields.map(({ name }) => name);

/** Adds a flag for each field, in groups. */
export function addSweepFields(command: Command): void {
  for (const field of sweepFields) {
    for (const option of sweepOptions(field)) command.addOption(option.helpGroup(`${field.title}:`));
  }
}

function sweepOptions({ name, schema, kind }: Field): Option[] {
  const [single, ...others] = optionsFor(name, schema);
  if (!isVaried(kind)) return [single!];
  const { description } = single!;
  const flag = flagName(name);
  if (kind !== 'boolean') return [new Option(`${flag} <values>`, description)];
  return [new Option(`${flag} [values]`, `${description} (true, false or both)`), ...others.map((o) => o.hideHelp())];
}

function isVaried(kind: FieldKind): kind is VariedKind {
  return kind !== 'names' && kind !== 'pairs';
}

/** What a command line says of the fields: those with one value are those of all runs, the others make the grid. */
export function sweepSettings(
  flags: Readonly<Record<string, unknown>>,
  count: number | undefined,
): { readonly settings: Settings; readonly varied: Varied } {
  const given = sweepFields.filter(({ name }) => flags[name] !== undefined);
  if (count !== undefined && !given.some(({ name, kind }) => isRange(kind, String(flags[name])))) {
    throw new UsageError('--count is the number of values of a range, as in --iss 1e-3..1e-2, and there is none');
  }
  const settings: Record<string, unknown> = {};
  const varied: Record<string, readonly FieldValue[]> = {};
  for (const field of given) {
    const { name, kind } = field;
    if (!isVaried(kind)) {
      settings[name] = flags[name];
      continue;
    }
    const values = parseValues(kind, String(flags[name]), flagName(name), count);
    for (const value of values) checkValue(field, value);
    if (values.length === 1) settings[name] = values[0]!;
    else varied[name] = values;
  }
  return { settings, varied };
}

/** Throws a UsageError unless a field can have a value, whatever the others have. */
function checkValue({ name, schema }: Field, value: FieldValue): void {
  const values = { [name]: value };
  const { error } = z.object({ [name]: schema }).safeParse(values);
  if (error === undefined) return;
  throw new UsageError(
    misfits(error, values, flagName)
      .map((misfit) => ('problem' in misfit ? misfit.problem : `missing ${misfit.missing}`))
      .join('; '),
  );
}
