import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type FieldName, isIdle, type Section, type Settings } from '../base/fields.ts';
import { didYouMean } from '../base/suggest.ts';
import {
  chooseMethod,
  methodContradictions,
  commonFields as methodFields,
  methods,
  withoutDisplaced,
} from '../methods/registry.ts';
import { optimizerNamed, optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import type { TaskDefinition } from '../tasks/task.ts';
import { commonFields } from '../train/options.ts';
import { type Misfit, misfits, noSuch } from './problems.ts';
import { type Part, type RunConfig, selectors } from './runConfig.ts';
import type { RunSettings } from './runSettings.generated.ts';

const parts = Object.keys(selectors) as Part[];

/** A kind of a part: what it is called, and its fields. */
interface Kind {
  readonly name: string;
  readonly fields: z.ZodRawShape;
  /** Values of its fields when nobody says anything. */
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
export function resolveConfig(settings: RunSettings | Settings, options: ResolveOptions): RunConfig {
  const { source = 'settings', nameOf = (field) => field, tasks } = options;
  const said = flattened(settings);
  const base = withoutDisplaced(flattened(options.base ?? {}), said);
  const problems: string[] = unknownFields({ ...base, ...said }, tasks, nameOf);
  const refuse = (): never => {
    throw new UsageError(`${source}: ${problems.join('; ')}`);
  };
  const task = kindNamed(tasks, 'task', { ...base, ...said }, nameOf, problems);
  if (task === undefined) return refuse();
  const flat = { ...withoutForeignRate(base, said, task), ...said };
  const wanted: Settings = { ...task.defaults(flat), ...flat };
  const chosen = chooseKinds(task, { given: wanted, said }, nameOf, problems);
  if (chosen === undefined) return refuse();
  const given = { ...chosen.schedule.defaults, ...chosen.optimizer.defaults, ...wanted };
  const read = readSections(chosen, given, nameOf);
  problems.push(...read.problems, ...strangers(chosen, given, said, tasks, nameOf));
  if (problems.length > 0) return refuse();
  const { config } = read;
  problems.push(
    ...(task.contradictions?.(config, nameOf) ?? []),
    ...methodContradictions(config.method, config, nameOf),
  );
  return problems.length > 0 ? refuse() : config;
}

/**
 * A base without its learning rate, and the threshold that goes with it, where the user says an optimizer for which a rate
 * means something else: how far a weight moves, or a factor on a sum of gradients, not one on its gradient.
 */
function withoutForeignRate(base: Settings, said: Settings, task: TaskDefinition): Settings {
  if (said.optimizer === undefined) return base;
  const rateOf = (settings: Settings) => {
    const { optimizer } = { ...task.defaults(settings), ...settings };
    return optimizerNamed(optimizer)?.rateOf;
  };
  if (rateOf(base) === rateOf(said)) return base;
  const { learningRate, threshold, ...rest } = base;
  return rest;
}

/** The settings that make a configuration, side by side again. */
export function settingsOf(config: RunConfig): Settings {
  return flattened(config);
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

type Chosen = Readonly<Record<Part, Kind>>;

function chooseKinds(
  task: TaskDefinition,
  { given, said }: { readonly given: Settings; readonly said: Settings },
  nameOf: FieldName,
  problems: string[],
): Chosen | undefined {
  const choose = <K extends Pick<Kind, 'name'>>(part: Part, kinds: readonly K[]) =>
    kindNamed(kinds, part, given, nameOf, problems);
  const model = choose('model', task.models);
  const optimizer = choose<Kind>('optimizer', Object.values(optimizers));
  const schedule = choose<Kind>('schedule', Object.values(schedules));
  const named = given.method === undefined ? undefined : choose('method', methods);
  const { kind: asked, problems: clashes } = chooseMethod(given, nameOf, said);
  problems.push(...clashes);
  if (!model || !optimizer || !schedule) return undefined;
  const { name, fields } = named ?? asked;
  const method = { name, fields: { ...fields, ...methodFields } };
  return { task: { name: task.name, fields: task.fields }, model, optimizer, schedule, method };
}

/** The kind of that name, or the first one when nobody says a name. */
function kindNamed<K extends Pick<Kind, 'name'>>(
  kinds: readonly K[],
  part: Part,
  given: Settings,
  nameOf: FieldName,
  problems: string[],
): K | undefined {
  const names = kinds.map((kind) => kind.name);
  const { [selectors[part]]: name = names[0] } = given;
  const found = kinds.find((kind) => kind.name === name);
  if (found === undefined) problems.push(noSuch(nameOf(selectors[part]), name, names));
  return found;
}

/** Checks the fields of each part, and those of every run. */
function readSections(chosen: Chosen, given: Settings, nameOf: FieldName): { config: RunConfig; problems: string[] } {
  const found: Misfit[] = [];
  const read = <S extends z.ZodRawShape>(fields: S) => {
    const own = Object.fromEntries(Object.keys(fields).map((field) => [field, given[field]]));
    const parsed = z.object(fields).safeParse(own);
    if (!parsed.success) found.push(...misfits(parsed.error, own, nameOf));
    return parsed.data;
  };
  const sections = parts.map((part) => {
    const { name: kind, fields } = chosen[part];
    return [part, { kind, ...withoutIdle(part, read(fields)) }];
  });
  const common = read(commonFields);
  const missing = [...new Set(found.flatMap((m) => ('missing' in m ? [m.missing] : [])))];
  const problems = [...new Set(found.flatMap((m) => ('problem' in m ? [m.problem] : [])))];
  if (missing.length > 0) {
    problems.push(`missing ${missing.map(nameOf).join(', ')}; a "preset" gives what a file leaves out`);
  }
  const config: RunConfig = { ...Object.fromEntries(sections), ...withoutIdle('task', common) };
  return { config, problems };
}

/** Fields without a value are left out; of a method also switches that are off, and strengths of 0 that ask for one. */
function withoutIdle<T extends object>(part: Part, fields: T | undefined): T {
  const isLeftOut = (field: string, value: unknown) =>
    value === undefined || (part === 'method' && isIdle(value) && (value !== 0 || asksForMethod.has(field)));
  return Object.fromEntries(Object.entries(fields ?? {}).filter(([field, value]) => !isLeftOut(field, value))) as T;
}

const asksForMethod: ReadonlySet<string | undefined> = new Set(methods.map(({ selector }) => selector));

function unknownFields(flat: Settings, tasks: readonly TaskDefinition[], nameOf: FieldName): string[] {
  const known = [...Object.values(selectors), ...Object.keys(commonFields), ...owners(tasks, nameOf).keys()];
  return Object.keys(flat)
    .filter((field) => !known.includes(field))
    .map((field) => `unknown field '${nameOf(field)}'${didYouMean(field, known)}`);
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
  const known = owners(tasks, nameOf, chosen.task.name);
  const method = methods.find(({ name }) => name === chosen.method.name)!;
  const asked = new Set(Object.keys(given).flatMap((field) => (isIdle(given[field]) ? [] : [nameOf(field)])));
  return Object.keys(said).flatMap((field) => {
    const kinds = known.get(field);
    if (kinds === undefined || own.has(field) || isIdle(given[field])) return [];
    const [first, ...others] = [...new Set(kinds)];
    // A field that asks for a method itself clashes with the one that was chosen, which is said already.
    if (first === nameOf(field)) return [];
    // What it goes with is there, but belongs to another method.
    if (kinds.some((ask) => asked.has(ask))) return [`${nameOf(field)} does not go with ${askOf(method, nameOf)}`];
    return [`${nameOf(field)} needs ${first}${others.length > 0 ? ` (or ${others.join(', ')})` : ''}`];
  });
}

/** How a method is asked for. */
function askOf({ selector, name }: (typeof methods)[number], nameOf: FieldName): string {
  return selector === undefined ? `${nameOf('method')} ${name}` : nameOf(selector);
}

/** For each field that not all runs have: how each kind that has it is asked for, given the task that was chosen. */
function owners(tasks: readonly TaskDefinition[], nameOf: FieldName, chosen?: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const note = (fields: z.ZodRawShape, ask: string) => {
    for (const field of Object.keys(fields)) found.set(field, [...(found.get(field) ?? []), ask]);
  };
  const byName = (part: Part, kinds: readonly Kind[]) => {
    for (const { name, fields } of kinds) note(fields, `${nameOf(selectors[part])} ${name}`);
  };
  for (const kind of methods.toReversed()) note(kind.fields, askOf(kind, nameOf));
  for (const task of tasks) {
    byName('task', [{ name: task.name, fields: task.fields }]);
    if (task.name === chosen) byName('model', task.models);
    else for (const { fields } of task.models) note(fields, `${nameOf(selectors.task)} ${task.name}`);
  }
  byName('optimizer', Object.values(optimizers));
  byName('schedule', Object.values(schedules));
  note(methodFields, nameOf('method'));
  return found;
}
