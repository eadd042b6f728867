import { Command, CommanderError, Option } from 'commander';
import { whole } from '../../src/cli/flags.ts';
import { exitCodes, explain, note } from '../../src/cli/output.ts';

/** A program of its own with flags; `Flags` are what its options parse to. */
export interface Program<Flags> {
  /** How it is called. */
  readonly name: string;
  readonly about: string;
  readonly options: readonly Option[];
  readonly run: (flags: Flags) => Promise<void>;
}

/** Runs a program. A mistake in its flags or a failure ends it with one message and an exit code, as a command. */
export async function runProgram<Flags>({ name, about, options, run }: Program<Flags>): Promise<void> {
  const command = new Command(name).description(about).showSuggestionAfterError().exitOverride();
  for (const option of options) command.addOption(option);
  command.action(async (flags: Flags) => run(flags));
  try {
    await command.parseAsync();
  } catch (error) {
    process.exitCode = codeOf(error);
  }
}

/** An option that takes a positive whole number; undefined where nobody gives one and there is no default. */
export function wholeOption(flag: string, about: string, preset?: number): Option {
  return new Option(`${flag} <number>`, about).argParser(whole(flag)).default(preset);
}

/** An option that takes a list with commas, each entry read by `read`. */
export function listOption<T>(flag: string, about: string, read: (text: string) => T, preset: readonly T[]): Option {
  return new Option(`${flag} <list>`, about).argParser((text) => text.split(',').map(read)).default(preset);
}

function codeOf(error: unknown): number {
  // Commander has printed its own message; help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const { message, exitCode } = explain(error);
  note(message);
  return exitCode;
}
