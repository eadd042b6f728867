import { type Command, Help } from 'commander';

/** Columns of the help, at most. */
const MOST_COLUMNS = 110;
/** Columns that a description has at least: beside longer flags it is no narrower. */
export const FEWEST_COLUMNS = 20;

/** Columns of the help: those of the terminal, as far as lines can be read. */
export function helpWidth(columns = process.stdout.columns || MOST_COLUMNS): number {
  return Math.max(2 * FEWEST_COLUMNS, Math.min(columns, MOST_COLUMNS));
}

/** Adds what stands below the options of a command: examples, and before them a paragraph where one is given. */
export function addExamples(command: Command, examples: readonly string[], before = ''): void {
  command.addHelpText('after', ({ command: shown }) => {
    const width = shown.configureHelp().helpWidth ?? helpWidth();
    const paragraph = before === '' ? [] : ['', new Help().boxWrap(before, width)];
    return [...paragraph, '', 'Examples:', ...examples.map((example) => exampleText(example, width))].join('\n');
  });
}

/** A command that can be copied from the help: where it is too long for a line, it goes on behind a backslash. */
export function exampleText(example: string, width: number): string {
  const lines = [''];
  for (const part of `slimrnn ${example}`.split(/ (?=--)/)) {
    const last = lines.at(-1)!;
    if (last === '') lines[0] = `  ${part}`;
    else if (last.length + part.length + ' '.length + ' \\'.length <= width)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(`    ${part}`);
  }
  return lines.join(' \\\n');
}
