import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type FieldName, isIdle, type Section, type Settings } from '../base/fields.ts';
import { didYouMean } from '../base/suggest.ts';
import { chooseMethod, methodContradictions, commonFields as methodFields, methods } from '../methods/registry.ts';
import { optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import type { TaskDefinition } from '../tasks/task.ts';
import { type Misfit, misfits, noSuch } from './problems.ts';
import { commonFields, type Part, parts, type RunConfig, selectors } from './runConfig.ts';

/** A kind of a part: what it is called, and its fields. */
interface Kind {
  readonly name: string;
  readonly fields: z.ZodRawShape;
}

/** A kind whose fields have values when nobody says anything. */
interface ChoiceKind extends Kind {
  readonly defaults?: Settings;
}

/** How settings are read. */
export interface ResolveOptions {
  /** What messages call the place that the settings come from; by default 'settings'. */
  readonly source?: string | undefined;
  /** How the user writes a field; by default as it is. */
  readonly nameOf?: FieldName | undefined;
  /** Settings of a preset or of an earlier run below these: what does not go with them is left out. */
  readonly base?: Settings | undefined;
  /** The tasks that there are; the first is the default. */
  readonly tasks: readonly TaskDefinition[];
}

/**
 * Makes a configuration of settings: chooses a kind of each part, fills in the defaults of the task, and checks that all
 * fields fit and belong to a kind that was chosen. Throws a UsageError that lists everything that does not.
 */
export function resolveConfig(settings: Settings, options: ResolveOptions): RunConfig {
  const { source = 'settings', nameOf = (field) => field, tasks } = options;
  const said = flattened(settings);
  const flat = { ...flattened(options.base ?? {}), ...said };
  const problems: string[] = unknownFields(flat, tasks);
  const refuse = (): never => {
    throw new UsageError(`${source}: ${problems.join('; ')}`);
  };
  const task = kindNamed(tasks, flat.task, nameOf('task'), problems);
  if (task === undefined) return refuse();
  const wanted: Settings = { ...task.defaults(flat), ...flat };
  const chosen = chooseKinds(task, { given: wanted, said }, nameOf, problems);
  if (chosen === undefined) return refuse();
  const given = { ...chosen.schedule.defaults, ...chosen.optimizer.defaults, ...wanted };
  const read = readSections(chosen, given, nameOf);
  problems.push(...read.problems, ...strangers(chosen, given, said, tasks, nameOf));
  if (problems.length > 0 || read.config === undefined) return refuse();
  const { config } = read;
  problems.push(
    ...(task.contradictions?.(config, nameOf) ?? []),
    ...methodContradictions(config.method, config, nameOf),
  );
  return problems.length > 0 ? refuse() : config;
}

/** The settings that make a configuration, side by side again. */
export function settingsOf(config: RunConfig): Settings {
  const { task, model, method, optimizer, schedule, ...common } = config;
  return flattened({ ...common, task, model, method, optimizer, schedule });
}

/** Sections spelled out, as in config.json of a run, become fields and the setting that chooses their kind. */
export function flattened(settings: Settings): Settings {
  const flat: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(settings)) {
    const part = parts.find((p) => p === field);
    if (part === undefined || !isSection(value)) {
      if (value !== undefined) flat[field] = value;
      continue;
    }
    const { kind, ...fields } = value;
    Object.assign(flat, fields);
    // The fields of a method choose it, so that another one can be asked for on top of a file.
    if (part !== 'method' || chooseMethod(fields, (f) => f).kind.name !== kind) flat[selectors[part]] = kind;
  }
  return flat;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && 'kind' in value;
}

type Chosen = Readonly<Record<Part, ChoiceKind>>;

function chooseKinds(
  task: TaskDefinition,
  { given, said }: { readonly given: Settings; readonly said: Settings },
  nameOf: FieldName,
  problems: string[],
): Chosen | undefined {
  const model = kindNamed(task.models, given.cell, nameOf('cell'), problems);
  const optimizer = kindNamed(
    Object.values(optimizers) as ChoiceKind[],
    given.optimizer,
    nameOf('optimizer'),
    problems,
  );
  const schedule = kindNamed(Object.values(schedules) as ChoiceKind[], given.schedule, nameOf('schedule'), problems);
  const named = given.method === undefined ? undefined : kindNamed(methods, given.method, nameOf('method'), problems);
  const { kind: asked, problems: clashes } = chooseMethod(given, nameOf, said);
  problems.push(...clashes);
  if (!model || !optimizer || !schedule) return undefined;
  const method = named ?? asked;
  const { name, fields } = task;
  return {
    task: { name, fields },
    model,
    optimizer,
    schedule,
    method: { ...method, fields: { ...method.fields, ...methodFields } },
  };
}

/** The kind of that name, or the first one when nobody says a name. */
function kindNamed<K extends Kind>(
  kinds: readonly K[],
  name: unknown,
  what: string,
  problems: string[],
): K | undefined {
  const found = name === undefined ? kinds[0] : kinds.find((kind) => kind.name === name);
  if (found === undefined)
    problems.push(
      noSuch(
        what,
        name,
        kinds.map((kind) => kind.name),
      ),
    );
  return found;
}

/** Checks the fields of each part, and those of every run. */
function readSections(
  chosen: Chosen,
  given: Settings,
  nameOf: FieldName,
): { config: RunConfig | undefined; problems: string[] } {
  const found: Misfit[] = [];
  const read = <S extends z.ZodRawShape>(fields: S) => {
    const own = Object.fromEntries(Object.keys(fields).map((field) => [field, given[field]]));
    const parsed = z.object(fields).safeParse(own);
    if (!parsed.success) found.push(...misfits(parsed.error, own, nameOf));
    return parsed.data;
  };
  const section = (part: Part): Section => ({
    kind: chosen[part].name,
    ...withoutIdle(part, read(chosen[part].fields)),
  });
  const sections = {
    task: section('task'),
    model: section('model'),
    method: section('method'),
    optimizer: section('optimizer'),
    schedule: section('schedule'),
  };
  const common = read(commonFields);
  const missing = [...new Set(found.flatMap((m) => ('missing' in m ? [m.missing] : [])))];
  const problems = [...new Set(found.flatMap((m) => ('problem' in m ? [m.problem] : [])))];
  if (missing.length > 0) {
    problems.push(`missing ${missing.map(nameOf).join(', ')}; a "preset" gives what a file leaves out`);
  }
  const config = common && problems.length === 0 ? { ...sections, ...withoutIdle('task', common) } : undefined;
  return { config: config as RunConfig | undefined, problems };
}

/** Fields without a value are left out; of a method also switches that are off, and strengths of 0 that ask for one. */
function withoutIdle<T extends object>(part: Part, fields: T | undefined): T {
  const isLeftOut = (field: string, value: unknown) =>
    value === undefined || (part === 'method' && isIdle(value) && (value !== 0 || asksForMethod.has(field)));
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([field, value]) => !isLeftOut(field, value))) as T;
}

/** Fields by which methods are asked for. */
const asksForMethod: ReadonlySet<string | undefined> = new Set(methods.map(({ selector }) => selector));

function unknownFields(flat: Settings, tasks: readonly TaskDefinition[]): string[] {
  const known = new Set([...Object.values(selectors), ...Object.keys(commonFields), ...owners(tasks).keys()]);
  return Object.keys(flat)
    .filter((field) => !known.has(field))
    .map((field) => `unknown field '${field}'${didYouMean(field, [...known])}`);
}

/** Fields that are said and belong to a kind that was not chosen. */
function strangers(
  chosen: Chosen,
  given: Settings,
  said: Settings,
  tasks: readonly TaskDefinition[],
  nameOf: FieldName,
): string[] {
  const own = new Set([
    ...Object.keys(commonFields),
    ...Object.values(chosen).flatMap(({ fields }) => Object.keys(fields)),
  ]);
  const known = owners(tasks, chosen.task.name);
  return Object.keys(said).flatMap((field) => {
    const kinds = known.get(field);
    if (kinds === undefined || own.has(field) || isIdle(given[field])) return [];
    const [first, ...others] = [...new Set(kinds.map((kind) => kind(nameOf)))];
    // A field that asks for a method itself clashes with the one that was chosen, which is said already.
    if (first === nameOf(field)) return [];
    return [`${nameOf(field)} needs ${first}${others.length > 0 ? ` (or ${others.join(', ')})` : ''}`];
  });
}

/** For each field that not all runs have: how each kind that has it is asked for, given the task that was chosen. */
function owners(tasks: readonly TaskDefinition[], chosen?: string): Map<string, ((nameOf: FieldName) => string)[]> {
  const found = new Map<string, ((nameOf: FieldName) => string)[]>();
  const note = (fields: z.ZodRawShape, ask: (nameOf: FieldName) => string) => {
    for (const field of Object.keys(fields)) found.set(field, [...(found.get(field) ?? []), ask]);
  };
  const byName = (part: Part, { name, fields }: Kind) => note(fields, (nameOf) => `${nameOf(selectors[part])} ${name}`);
  for (const { fields, selector, name } of [...methods].reverse()) {
    note(fields, (nameOf) => (selector === undefined ? `${nameOf('method')} ${name}` : nameOf(selector)));
  }
  for (const task of tasks) {
    byName('task', task);
    for (const model of task.models) {
      if (task.name === chosen) byName('model', model);
      else note(model.fields, (nameOf) => `${nameOf(selectors.task)} ${task.name}`);
    }
  }
  for (const kind of Object.values(optimizers)) byName('optimizer', kind);
  for (const kind of Object.values(schedules)) byName('schedule', kind);
  note(methodFields, (nameOf) => nameOf('method'));
  return found;
}
