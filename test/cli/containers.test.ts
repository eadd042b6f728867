import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cliCommand, makeFolder, runCli, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * A process in a namespace of processes of its own, as in a container that shares the host's name.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(() => {
  folder = makeFolder();
  writeCorpus(at('text'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const container = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const training = ['train', ...tiny, '--data', 'text', '--epochs', '100000', '--out', 'run'];

/** Runs a command in a container. */
function inContainer(args: readonly string[]) {
  const child = spawn('unshare', [...container, ...cliCommand(args)], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, ended, stderr: () => stderr };
}

/** Waits for the first update. */
async function untilTraining({ child, stderr }: ReturnType<typeof inContainer>): Promise<void> {
  while (!/epoch \d+\/\d+ /.test(stderr())) {
    if (child.exitCode !== null) throw new Error(stderr());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const locks = () => readdirSync(at('run')).filter((name) => name.startsWith('lock.'));

describe.skipIf(!canUnshare())('two containers of one name (needs Linux and unshare)', () => {
  it('do not take each other for dead, and a dead one does not block for ever', async () => {
    const first = inContainer(training);
    await untilTraining(first);
    const [lock] = locks();
    expect(lock).toMatch(/^lock\.1\./);
    const outside = await runCli([...training, '--resume'], folder);
    expect([outside.code, outside.stderr]).toEqual([
      1,
      expect.stringMatching(/^error: run is in use by process 1 on /m),
    ]);
    const second = inContainer([...training, '--resume']);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toMatch(/^error: run is in use by process 1 on .*in another container/m);
    expect(locks()).toEqual([lock]);

    first.child.kill('SIGKILL');
    await first.ended;
    expect(locks()).toEqual([lock]);
    const long = new Date(Date.now() - 3_600_000);
    utimesSync(at('run', lock!), long, long);
    const third = inContainer([...training, '--resume']);
    await untilTraining(third);
    expect(third.stderr()).toMatch(/^nothing was heard of process 1 on .*: it counts as dead$/m);
    expect(locks()).toHaveLength(1);
    expect(locks()).not.toEqual([lock]);
    third.child.kill('SIGKILL');
    await third.ended;
  });
});

/** Tries it: containers often forbid even root to make namespaces. */
function canUnshare(): boolean {
  try {
    execFileSync('unshare', [...container, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
