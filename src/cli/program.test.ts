import { type Command, Help } from 'commander';
import { describe, expect, it } from 'vitest';
import { FEWEST_COLUMNS } from './helpTexts.ts';
import { commands } from './program.ts';

/*
 * The list of commands stands apart from the commands, so that it can be shown without them.
 */

/** The whole help of a command for a terminal of a width, as it would be printed. */
function helpOf(command: Command, width: number): string {
  let help = '';
  command.configureOutput({
    writeOut(text) {
      help += text;
    },
  });
  command.configureHelp({ helpWidth: width, minWidthToWrap: FEWEST_COLUMNS });
  command.outputHelp();
  return help;
}

describe.each(Object.entries(commands))('the help of %s', (name, { load }) => {
  it.each([80, 110])('fits %i columns and has examples', async (width) => {
    const { command } = await load();
    const help = helpOf(command, width);
    const flags = Math.max(...command.options.map(({ flags }) => flags.length), 0);
    // Beside a flag that leaves too little room its description is no narrower.
    const most = Math.max(width, flags + 4 + FEWEST_COLUMNS);
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(most);
    expect(help).toMatch(new RegExp(`^Examples:\\n {2}slimrnn ${name}\\b`, 'm'));
  });

  it('says defaults as a user would', async () => {
    const { command } = await load();
    for (const each of [command, ...command.commands]) expect(helpOf(each, 110)).not.toMatch(/\(default: ?[{[]/);
  });
});

it.each(Object.entries(commands))('%s takes what the list of commands says', async (name, { operands, load }) => {
  const { command } = await load();
  expect(command.name()).toBe(name);
  const term = new Help().subcommandTerm(command).replace(' [options]', '');
  expect(term).toBe(`${name} ${operands ?? ''}`.trim());
  expect(command.commands.length > 0).toBe(operands === undefined);
});
