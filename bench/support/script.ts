import { Command, CommanderError, Option } from 'commander';
import { environment } from '../../src/base/environment.ts';
import { writeAtomically } from '../../src/base/files.ts';
import { whole } from '../../src/cli/flags.ts';
import { exitCodes, explain, note, print } from '../../src/cli/output.ts';

/** What a benchmark found. */
export interface Measured {
  readonly figures: Readonly<Record<string, unknown>>;
  /** The same as a table for a person. */
  readonly text: () => string;
}

/** A benchmark as an npm script; `Flags` are what its options parse to. */
export interface Script<Flags> {
  /** Name of the npm script: 'bench:methods'. */
  readonly name: string;
  readonly about: string;
  readonly options: readonly Option[];
  /** Paths in the command line that say nothing about the figures, and what the result has in their place. */
  readonly paths?: (flags: Flags) => Readonly<Record<string, string>>;
  readonly measure: (flags: Flags) => Promise<Measured>;
}

interface OutputFlags {
  readonly out?: string;
  readonly json?: boolean;
}

/**
 * Runs a benchmark: its options, `--out FILE` for the result with command, versions and machine, `--json` for the same on
 * stdout. A mistake in the flags or a failure ends it with one message and an exit code, like a command.
 */
export async function runScript<Flags>(script: Script<Flags>): Promise<void> {
  const command = new Command(`npm run ${script.name} --`).description(script.about).showSuggestionAfterError();
  for (const option of script.options) command.addOption(option);
  command
    .option('--out <file>', 'write the result as JSON into a file')
    .option('--json', 'print one JSON document on stdout')
    .exitOverride()
    .action(async (flags: Flags & OutputFlags) => {
      const { figures, text } = await script.measure(flags);
      const document = { ...environment(), command: commandOf(script, flags), ...figures };
      if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
      print(flags.json, document, text);
    });
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

function commandOf<Flags>({ name, paths }: Script<Flags>, flags: Flags): string {
  const replaced = paths?.(flags) ?? {};
  const words = process.argv.slice(2).map((word) => replaced[word] ?? word);
  return [`npm run ${name}`, ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
}

function codeOf(error: unknown): number {
  // Commander has printed its own message; help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const { message, code } = explain(error);
  note(message);
  return code;
}
