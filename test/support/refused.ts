import { expect } from 'vitest';
import { runCli, snapshot } from './runCli.ts';

/**
 * Runs a command that must be refused: one line beginning with `error:` that has every one of the words, exit code 2, no
 * result, and not a byte changed in the folder.
 */
export async function expectRefused(
  folder: string,
  args: readonly string[],
  ...words: readonly (string | RegExp)[]
): Promise<void> {
  const before = snapshot(folder);
  const { code, stdout, stderr } = await runCli(args, folder);
  const errors = stderr.split('\n').filter((line) => line.startsWith('error:'));
  expect(errors, stderr).toHaveLength(1);
  expect(stderr).not.toMatch(/^\s+at |unexpected error/m);
  for (const word of words) expect(stderr).toMatch(word);
  expect(code, stderr).toBe(2);
  expect(stdout).toBe('');
  expect(snapshot(folder)).toEqual(before);
}
