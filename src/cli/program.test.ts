import { Help } from 'commander';
import { expect, it } from 'vitest';
import { commands } from './program.ts';

/*
 * The list of commands stands apart from the commands, so that it can be shown without them.
 */

it.each(Object.entries(commands))('%s takes what the list of commands says', async (name, { operands, load }) => {
  const { command } = await load();
  expect(command.name()).toBe(name);
  const term = new Help().subcommandTerm(command).replace(' [options]', '');
  expect(term).toBe(`${name} ${operands ?? ''}`.trim());
  expect(command.commands.length > 0).toBe(operands === undefined);
});
