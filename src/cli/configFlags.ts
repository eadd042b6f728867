import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { fieldKind, flagName, innerSchema, type Settings } from '../base/fields.ts';
import { type Part, selectors } from '../config/runConfig.ts';
import { commonFields as methodFields, methods } from '../methods/registry.ts';
import { optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import { tasks } from '../tasks/registry.ts';
import type { TaskDefinition } from '../tasks/task.ts';
import { commonFields } from '../train/options.ts';
import { defaultText, isOnByDefault } from './defaults.ts';
import { number } from './flags.ts';

/*
 * Every field of a configuration is a flag: the schemas of the kinds are the only lists of them.
 */

/** A kind of a part of configurations. */
type Kind = Pick<TaskDefinition['models'][number], 'name' | 'fields'>;

/** Some of the fields of configurations, as the help shows them together. */
interface FlagGroup {
  readonly title: string;
  readonly fields: z.ZodRawShape;
}

/** What the help calls the fields of a task alone; where other flags choose the task, a command has names of its own. */
type TitleOf = (task: TaskDefinition) => string;

/**
 * The fields of the configurations of some tasks, in the groups in which the help shows them; without the choice of the
 * task where `titleOf` says what chooses it.
 */
export function flagGroups(of: readonly TaskDefinition[], titleOf?: TitleOf): FlagGroup[] {
  return fieldGroups(of, titleOf).map(({ title, fields }) => ({ title, fields: withDefaults(fields, of) }));
}

/** The same, before their descriptions say what they are when nobody says them. */
function fieldGroups(of: readonly TaskDefinition[], titleOf?: TitleOf): FlagGroup[] {
  const isShared = (field: string) => of.length === 1 || of.filter((task) => field in fieldsOf(task)).length > 1;
  const shared = (kinds: readonly Kind[]) => pick(merged(kinds), isShared);
  const models = of.flatMap((task) => task.models);
  const cells = models.filter(({ name }) => name !== 'onnx');
  const [optimizerKinds, scheduleKinds] = [Object.values(optimizers), Object.values(schedules)];
  return [
    { title: 'Task', fields: { ...(titleOf ? {} : choice('task', of, 'what is learned')), ...shared(of) } },
    { title: 'Model', fields: { ...choice('model', cells, 'recurrent layers'), ...shared(models) } },
    ...of.map((task) => ({
      title: titleOf?.(task) ?? `For --${selectors.task} ${task.name}`,
      fields: pick(fieldsOf(task), (field) => !isShared(field)),
    })),
    { title: 'Training', fields: commonFields },
    {
      title: 'Optimizer',
      fields: { ...choice('optimizer', optimizerKinds, 'how weights follow the gradient'), ...merged(optimizerKinds) },
    },
    {
      title: 'Learning rate',
      fields: { ...choice('schedule', scheduleKinds, 'course of the learning rate'), ...merged(scheduleKinds) },
    },
    { title: 'Sparsity', fields: { ...merged(methods), ...methodFields } },
  ];
}

/** The fields of a task and of its models. */
function fieldsOf(task: TaskDefinition): z.ZodRawShape {
  return { ...task.fields, ...merged(task.models) };
}

function merged(kinds: readonly Pick<Kind, 'fields'>[]): z.ZodRawShape {
  return Object.assign({}, ...kinds.map(({ fields }) => fields));
}

function pick(fields: z.ZodRawShape, isWanted: (field: string) => boolean): z.ZodRawShape {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => isWanted(field)));
}

/** The field that chooses a kind of a part, where there is a choice. */
function choice(part: Part, kinds: readonly Kind[], what: string): z.ZodRawShape {
  const names = [...new Set(kinds.map(({ name }) => name))];
  return names.length < 2 ? {} : { [selectors[part]]: z.enum(names).describe(`${what}: ${names.join(', ')}`) };
}

/** Fields whose descriptions say what they are when nobody says them, where it does not stand there already. */
function withDefaults(fields: z.ZodRawShape, of: readonly TaskDefinition[]): z.ZodRawShape {
  const described = Object.entries(fields).map(([field, schema]) => {
    const about = describedBy(schema as z.ZodType);
    const usual = about.includes('(default') ? undefined : defaultText(field, of);
    return [field, usual === undefined ? schema : (schema as z.ZodType).describe(`${about} (default: ${usual})`)];
  });
  return Object.fromEntries(described) as z.ZodRawShape;
}

function describedBy(schema: z.ZodType): string {
  return schema.description ?? innerSchema(schema).description ?? '';
}

/** Adds a flag for each field of the configurations of some tasks to a command, in groups. */
export function addConfigFlags(command: Command, of: readonly TaskDefinition[] = tasks, titleOf?: TitleOf): void {
  for (const { title, fields } of flagGroups(of, titleOf)) {
    for (const [field, schema] of Object.entries(fields)) {
      const options = optionsFor(field, schema as z.ZodType);
      // Of the two flags of a switch that one is shown which changes something.
      if (options.length > 1) options[isOnByDefault(field, of) ? 0 : 1]!.hideHelp();
      for (const option of options) command.addOption(option.helpGroup(`${title}:`));
    }
  }
  command.addOption(new Option('--dropout <number>').hideHelp().argParser(refuseDropout));
}

/** The configuration fields that the command line says. */
export function settingsFrom(command: Command, of: readonly TaskDefinition[] = tasks): Settings {
  const known = fieldGroups(of).flatMap(({ fields }) => Object.keys(fields));
  const said = known.filter((field) => command.getOptionValueSource(field) === 'cli');
  return Object.fromEntries(said.map((field) => [field, command.getOptionValue(field) as unknown]));
}

/** The flags of a field: a switch has a second one that turns it off. */
export function optionsFor(field: string, schema: z.ZodType): Option[] {
  const inner = innerSchema(schema);
  const about = describedBy(schema);
  const flag = flagName(field);
  const kind = fieldKind(schema);
  switch (kind) {
    case 'boolean':
      return [new Option(flag, about), new Option(flag.replace('--', '--no-'), `do not ${about}`)];
    case 'pairs': {
      const isNumber = inner instanceof z.ZodRecord && !(inner.valueType instanceof z.ZodString);
      const what = isNumber ? 'name=number' : 'name=value';
      return [new Option(`${flag} <${what}>`, withHint(about, ' (repeatable)')).argParser(pairs(flag, isNumber))];
    }
    case 'names': {
      const collect = (text: string, earlier: string[] = []) => [...earlier, ...text.split(',')];
      return [new Option(`${flag} <names>`, withHint(about, ' (separated by commas, or repeated)')).argParser(collect)];
    }
    case 'numbers': {
      const example = field === 'hidden' ? '200,200' : '1,0.5';
      const list = new Option(`${flag} <list>`, withHint(about, `: ${example}`));
      return [list.argParser((text: string) => text.split(',').map(number(flag)))];
    }
    case 'text':
      return [new Option(`${flag} <${field === 'target' ? 'goal' : 'name'}>`, about)];
    default:
      return [new Option(`${flag} <${field === 'iss' ? 'lambda' : 'number'}>`, about).argParser(number(flag))];
  }
}

/** How a value is written stands before what it is when nobody says it. */
function withHint(about: string, hint: string): string {
  const at = about.indexOf(' (default');
  return at < 0 ? `${about}${hint}` : `${about.slice(0, at)}${hint}${about.slice(at)}`;
}

/** `a=b`, again and again. */
function pairs(flag: string, ofNumbers: boolean) {
  return (text: string, earlier: unknown): Record<string, string | number> => {
    const at = text.indexOf('=');
    const [name, value] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
    if (name === '' || value === '') throw new UsageError(`${flag} takes name=value, got '${text}'`);
    const before = typeof earlier === 'object' && earlier !== null ? { ...earlier } : {};
    return { ...before, [name]: ofNumbers ? number(`${flag} ${name}`)(value) : value };
  };
}

/** Other tools count what dropout drops, this one what it keeps: a silent mix-up would be costly. */
function refuseDropout(text: string): never {
  const keep = Number((1 - Number(text)).toPrecision(6));
  const example = keep > 0 && keep <= 1 ? `: --keep ${keep}` : ', more than 0 and at most 1';
  throw new UsageError(`there is no --dropout; say with --keep how much dropout keeps${example}`);
}
