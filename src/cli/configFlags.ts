import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { flagName, type PartialConfig, problemsOf, type TrainConfig, trainConfigSchema } from '../train/config.ts';

/*
 * Every field of a training configuration is a flag: the schema is the only list of them.
 */

const fields = Object.entries(trainConfigSchema.shape) as [keyof TrainConfig, z.ZodType][];

/** Adds a flag for each configuration field to a command. */
export function addConfigFlags(command: Command): void {
  for (const [field, schema] of fields) {
    const about = schema.description ?? '';
    const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
    if (inner instanceof z.ZodBoolean) {
      command.addOption(new Option(flagName(field), about));
      command.addOption(new Option(flagName(field).replace('--', '--no-'), `do not ${about}`));
    } else if (inner instanceof z.ZodArray) {
      const example = field === 'hidden' ? '200,200' : '1,0.5';
      command.addOption(
        new Option(`${flagName(field)} <list>`, `${about}, for example ${example}`).argParser(parseList(field)),
      );
    } else if (inner instanceof z.ZodString) {
      command.addOption(new Option(`${flagName(field)} <goal>`, about));
    } else if (inner instanceof z.ZodEnum) {
      command.addOption(new Option(`${flagName(field)} <name>`, about));
    } else {
      const placeholder = field === 'iss' ? 'lambda' : 'number';
      command.addOption(new Option(`${flagName(field)} <${placeholder}>`, about).argParser(parseNumber(field)));
    }
  }
  command.addOption(new Option('--dropout <number>').hideHelp().argParser(refuseDropout));
}

/** The configuration fields among a command's parsed options; throws UsageError naming each flag that does not fit. */
export function configFrom(options: Record<string, unknown>): PartialConfig {
  const given = Object.fromEntries(
    fields.flatMap(([field]) => (options[field] === undefined ? [] : [[field, options[field]]])),
  );
  const parsed = trainConfigSchema.partial().safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UsageError(problemsOf(parsed.error, given, flagName).join('; '));
}

function parseNumber(field: string) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || Number.isNaN(value))
      throw new UsageError(`${flagName(field)} takes a number, got '${text}'`);
    return value;
  };
}

function parseList(field: string) {
  return (text: string): number[] => text.split(',').map(parseNumber(field));
}

/** Other tools count what dropout drops, this one what it keeps: a silent mix-up would be costly. */
function refuseDropout(text: string): never {
  const keep = Number((1 - Number(text)).toPrecision(6));
  const example = keep > 0 && keep <= 1 ? `: --keep ${keep}` : ', more than 0 and at most 1';
  throw new UsageError(`there is no --dropout; say with --keep how much dropout keeps${example}`);
}
