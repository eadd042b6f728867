import { Option } from 'commander';
import { environment } from '../../src/base/environment.ts';
import { writeAtomically } from '../../src/base/files.ts';
import { print, printAsJson } from '../../src/cli/output.ts';
import { type Program, runProgram } from './program.ts';

/** What a benchmark found. */
export interface Measured {
  readonly figures: Readonly<Record<string, unknown>>;
  /** The same as a table for a person. */
  readonly text: () => string;
}

/** A benchmark as an npm script; its name is that of the script: 'bench:methods'. */
export interface Script<Flags> extends Omit<Program<Flags>, 'run'> {
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
 * stdout.
 */
export function runScript<Flags>(script: Script<Flags>): Promise<void> {
  const { name, about, options, measure } = script;
  return runProgram<Flags & OutputFlags>({
    name: `npm run ${name} --`,
    about,
    options: [
      ...options,
      new Option('--out <file>', 'write the result as JSON into a file'),
      new Option('--json', 'print one JSON document on stdout'),
    ],
    async run(flags) {
      const { figures, text } = await measure(flags);
      const document = { ...environment(), command: commandOf(script, flags), ...figures };
      if (flags.out !== undefined) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
      printAsJson(flags.json === true);
      print(document, text);
    },
  });
}

function commandOf<Flags>({ name, paths }: Script<Flags>, flags: Flags): string {
  const replaced = paths?.(flags) ?? {};
  const words = process.argv.slice(2).map((word) => replaced[word] ?? word);
  return [`npm run ${name}`, ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
}
