import type { Command, Option } from 'commander';
import { commands } from '../../src/cli/program.ts';

/**
 * The page of all commands, docs/commands.md, made of the definitions that the command line itself is made of.
 */
export async function commandsPage(): Promise<string> {
  const sections: string[] = [];
  for (const [name, { load, summary }] of Object.entries(commands)) {
    const { command } = await load();
    sections.push(commandSection(command, `slimrnn ${name}`, summary));
  }
  const names = Object.keys(commands).map((name) => `[${name}](#slimrnn-${name})`);
  return `${[
    '# Every command',
    'Made of the definitions of the commands by `npm run generate`; do not edit it. Every command also has `--help`, and `--json` for one JSON ' +
      'document on stdout. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing was written because nothing would be gained.',
    names.join(' · '),
    ...sections,
  ].join('\n\n')}\n`;
}

/** A command with its options, in their groups, and the commands below it. */
function commandSection(command: Command, name: string, summary: string): string {
  const operands = command.registeredArguments.map((argument) => {
    const dots = argument.variadic ? '...' : '';
    return argument.required ? ` <${argument.name()}${dots}>` : ` [${argument.name()}${dots}]`;
  });
  const about = command.registeredArguments.filter(({ description }) => description !== '');
  const shown = command.options.filter(({ hidden, long }) => !hidden && long !== '--json');
  const groups = [...new Set(shown.map(groupOf))];
  return [
    `## ${name}`,
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    `\`\`\`\n${name}${operands.join('')}${shown.length > 0 ? ' [options]' : ''}\n\`\`\``,
    ...(command.description() === '' ? [] : [prose(command.description())]),
    ...(about.length === 0 ? [] : [about.map((a) => `- \`${a.name()}\`: ${cell(a.description)}`).join('\n')]),
    ...groups.map((group) =>
      optionTable(
        group,
        shown.filter((option) => groupOf(option) === group),
      ),
    ),
    ...command.commands.map((below) =>
      commandSection(below, `${name} ${below.name()}`, below.summary() || below.description()),
    ),
  ].join('\n\n');
}

function groupOf({ helpGroupHeading }: Option): string {
  return (helpGroupHeading ?? 'Options').replace(/:$/, '');
}

function optionTable(group: string, options: readonly Option[]): string {
  const rows = options.map((option) => {
    const usual = option.defaultValueDescription ?? (isTold(option.defaultValue) ? String(option.defaultValue) : '');
    const isSaid = usual === '' || option.description.includes('(default');
    const choices = option.argChoices ? ` One of ${option.argChoices.join(', ')}.` : '';
    return `| \`${option.flags}\` | ${cell(option.description)}${cell(choices)}${isSaid ? '' : ` (default: ${cell(usual)})`} |`;
  });
  return [`| ${group} | |`, '|---|---|', ...rows].join('\n');
}

/** Whether a default says something: lists and records begin empty. */
function isTold(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

/** Text within a cell of a table: one line, without what Markdown or a page would take for something else. */
function cell(text: string): string {
  return escaped(text.replace(/\s*\n\s*/g, ' ')).replaceAll('|', '\\|');
}

/** Text of several lines, some of which may be laid out by spaces. */
function prose(text: string): string {
  return escaped(text.replace(/\n +/g, '\n'));
}

function escaped(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('*', '\\*');
}
