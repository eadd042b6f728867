import { spawn } from 'node:child_process';
import { existsSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliCommand, makeFolder, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * Streams that cannot be written to: progress is a courtesy, a result is not.
 */

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(join(folder, 'text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const training = ['train', ...tiny, '--data', 'text', '--epochs', '1'];

/** Runs a command with streams that are files; gives its exit code and what it said on the other one. */
async function runWith(args: readonly string[], to: { stdout?: string; stderr?: string }) {
  const [file, ...rest] = cliCommand(args);
  const stream = (path: string | undefined) => (path === undefined ? ('pipe' as const) : openSync(path, 'w'));
  const child = spawn(file, rest, { cwd: folder, stdio: ['ignore', stream(to.stdout), stream(to.stderr)] });
  let said = '';
  for (const pipe of [child.stdout, child.stderr])
    pipe?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, said };
}

describe.skipIf(!existsSync('/dev/full'))('a full disk (needs /dev/full)', () => {
  it('under the log does not stop a training', async () => {
    const { code, said } = await runWith([...training, '--out', 'full-log'], { stderr: '/dev/full' });
    expect(code).toBe(0);
    expect(said).toContain('trained');
    expect(readdirSync(join(folder, 'full-log'))).toContain('result.json');
    expect(readdirSync(join(folder, 'full-log')).filter((name) => /^lock|^live/.test(name))).toEqual([]);
  });

  it.each([
    ['train', [...training, '--out', 'full-result']],
    ['train --json', [...training, '--out', 'full-json', '--json']],
    ['data list', ['data', 'list']],
  ])('under the result of %s is one line, and a failure', async (_, args) => {
    const { code, said } = await runWith(args, { stdout: '/dev/full' });
    expect(code).toBe(1);
    expect(said.trimEnd().split('\n').at(-1)).toBe('error: cannot write to stdout: the disk is full');
    expect(said).not.toMatch(/^ +at /m);
  });

  it('under both is a failure without words', async () => {
    expect(await runWith(['data', 'list'], { stdout: '/dev/full', stderr: '/dev/full' })).toEqual({
      code: 1,
      said: '',
    });
  });
});

it('whoever reads the log may go away', async () => {
  const [file, ...rest] = cliCommand([...training, '--out', 'no-reader']);
  const child = spawn(file, rest, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  expect(readdirSync(join(folder, 'no-reader'))).toContain('result.json');
});
