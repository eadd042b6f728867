import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { fieldKind, flagName, innerSchema, type Settings } from '../base/fields.ts';
import { selectors } from '../config/runConfig.ts';
import { commonFields as methodFields, methods } from '../methods/registry.ts';
import { optimizers } from '../optimizers/registry.ts';
import { schedules } from '../optimizers/schedules/registry.ts';
import { tasks } from '../tasks/registry.ts';
import type { TaskDefinition } from '../tasks/task.ts';
import { commonFields } from '../train/options.ts';

/*
 * Every field of a configuration is a flag: the schemas of the kinds are the only lists of them.
 */

/** The flags of some tasks with their methods, optimizers and schedules. */
interface FlagGroup {
  readonly title: string;
  readonly fields: z.ZodRawShape;
}

/** The fields of the configurations of some tasks, in the groups in which the help shows them. */
export function flagGroups(of: readonly TaskDefinition[]): FlagGroup[] {
  const merged = (kinds: readonly { readonly fields: z.ZodRawShape }[]): z.ZodRawShape =>
    Object.assign({}, ...kinds.map(({ fields }) => fields));
  const named = (part: keyof typeof selectors, names: readonly string[], what: string): z.ZodRawShape =>
    names.length < 2 ? {} : { [selectors[part]]: z.enum([...names]).describe(`${what} (default: ${names[0]})`) };
  const models = of.flatMap(({ models: kinds }) => kinds);
  const optimizerKinds = Object.values(optimizers);
  const scheduleKinds = Object.values(schedules);
  const cells = [...new Set(models.map(({ name }) => name))].filter((name) => name !== 'onnx');
  return [
    {
      title: 'Task',
      fields: {
        ...named(
          'task',
          of.map(({ name }) => name),
          'what is learned',
        ),
        ...merged(of),
      },
    },
    { title: 'Model', fields: { ...named('model', cells, 'kind of the recurrent layers'), ...merged(models) } },
    { title: 'Training', fields: commonFields },
    {
      title: 'Optimizer and learning rate',
      fields: {
        ...named(
          'optimizer',
          optimizerKinds.map(({ name }) => name),
          'how weights follow the gradient',
        ),
        ...merged(optimizerKinds),
        ...named(
          'schedule',
          scheduleKinds.map(({ name }) => name),
          'course of the learning rate',
        ),
        ...merged(scheduleKinds),
      },
    },
    { title: 'Sparsity', fields: { ...merged(methods), ...methodFields } },
  ];
}

/** Adds a flag for each field of the configurations of some tasks to a command, in groups. */
export function addConfigFlags(command: Command, of: readonly TaskDefinition[] = tasks): void {
  for (const { title, fields } of flagGroups(of)) {
    for (const [field, schema] of Object.entries(fields)) {
      for (const option of optionsFor(field, schema as z.ZodType)) command.addOption(option.helpGroup(`${title}:`));
    }
  }
  command.addOption(new Option('--dropout <number>').hideHelp().argParser(refuseDropout));
}

/** The configuration fields that the command line says. */
export function settingsFrom(command: Command, of: readonly TaskDefinition[] = tasks): Settings {
  const known = flagGroups(of).flatMap(({ fields }) => Object.keys(fields));
  const said = known.filter((field) => command.getOptionValueSource(field) === 'cli');
  return Object.fromEntries(said.map((field) => [field, command.getOptionValue(field) as unknown]));
}

/** The flags of a field: a switch has a second one that turns it off. */
export function optionsFor(field: string, schema: z.ZodType): Option[] {
  const inner = innerSchema(schema);
  const about = schema.description ?? inner.description ?? '';
  const flag = flagName(field);
  const kind = fieldKind(schema);
  switch (kind) {
    case 'boolean':
      return [new Option(flag, about), new Option(flag.replace('--', '--no-'), `do not ${about}`)];
    case 'pairs': {
      const isNumber = inner instanceof z.ZodRecord && !(inner.valueType instanceof z.ZodString);
      const what = isNumber ? 'name=number' : 'name=value';
      return [new Option(`${flag} <${what}>`, `${about} (repeatable)`).argParser(pairs(flag, isNumber))];
    }
    case 'numbers':
    case 'names':
      return [listOption(field, about, kind === 'names')];
    case 'text':
      return [new Option(`${flag} <${field === 'target' ? 'goal' : 'name'}>`, about)];
    default:
      return [new Option(`${flag} <${field === 'iss' ? 'lambda' : 'number'}>`, about).argParser(number(flag))];
  }
}

function listOption(field: string, about: string, ofNames: boolean): Option {
  const flag = flagName(field);
  if (ofNames) {
    const collect = (text: string, earlier: unknown) => [
      ...(Array.isArray(earlier) ? (earlier as string[]) : []),
      ...text.split(','),
    ];
    return new Option(`${flag} <names>`, `${about} (separated by commas, or repeated)`).argParser(collect);
  }
  const example = field === 'hidden' ? '200,200' : '1,0.5';
  return new Option(`${flag} <list>`, `${about}, for example ${example}`).argParser((text: string) =>
    text.split(',').map(number(flag)),
  );
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

function number(flag: string) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value)) throw new UsageError(`${flag} takes a number, got '${text}'`);
    return value;
  };
}

/** Other tools count what dropout drops, this one what it keeps: a silent mix-up would be costly. */
function refuseDropout(text: string): never {
  const keep = Number((1 - Number(text)).toPrecision(6));
  const example = keep > 0 && keep <= 1 ? `: --keep ${keep}` : ', more than 0 and at most 1';
  throw new UsageError(`there is no --dropout; say with --keep how much dropout keeps${example}`);
}
