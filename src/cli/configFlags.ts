import { type Command, Option } from 'commander';
import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { UsageError } from '../errors.ts';
import { type PartialConfig, type TrainConfig, trainConfigSchema } from '../train/config.ts';

/*
 * Every field of a training configuration is a flag: the schema is the only list of them.
 */

const fields = Object.entries(trainConfigSchema.shape) as [keyof TrainConfig, z.ZodType][];

/** `learningRate` → `learning-rate` */
export function flagName(field: string): string {
  return field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
}

/** Adds a flag for each configuration field to a command. */
export function addConfigFlags(command: Command): void {
  for (const [field, schema] of fields) {
    const about = schema.description ?? '';
    const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
    if (inner instanceof z.ZodBoolean) {
      command.addOption(new Option(`--${flagName(field)}`, about));
      command.addOption(new Option(`--no-${flagName(field)}`, `do not ${about}`));
    } else if (inner instanceof z.ZodArray) {
      command.addOption(
        new Option(`--${flagName(field)} <list>`, `${about}, for example 200,200`).argParser(parseList),
      );
    } else {
      const placeholder = field === 'iss' ? 'lambda' : 'number';
      command.addOption(new Option(`--${flagName(field)} <${placeholder}>`, about).argParser(parseNumber(field)));
    }
  }
}

/** The configuration fields among a command's parsed options. */
export function configFrom(options: Record<string, unknown>): PartialConfig {
  return Object.fromEntries(
    fields.flatMap(([field]) => (options[field] === undefined ? [] : [[field, options[field]]])),
  );
}

function parseNumber(field: string) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value))
      throw new UsageError(`--${flagName(field)} takes a number, got '${text}'`);
    return value;
  };
}

function parseList(text: string): number[] {
  return text.split(',').map(parseNumber('hidden'));
}

/** ` (did you mean 'x'?)` when one of the known names is close to what was typed, else nothing. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const ranked = known.map((name) => ({ name, d: distance(typed, name) })).sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best && best.d <= Math.max(2, Math.ceil(typed.length / 3)) ? ` (did you mean '${best.name}'?)` : '';
}
