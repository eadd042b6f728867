import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliCommand } from './runCli.ts';

/*
 * The built command line in a real terminal: a pseudo-terminal of util-linux' `script`, in which Ctrl-C is a key and
 * closing the terminal hangs up, for the whole foreground group of processes.
 */

/** Whether there is a `script` that makes terminals. */
export const hasTerminals = (() => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
})();

/** A command in a terminal. */
export interface InTerminal {
  /** Presses keys. */
  type(keys: string): void;
  /** Closes the terminal, as the loss of a connection does. */
  hangUp(): void;
  /** What the terminal has shown so far. */
  shown(): string;
  /** The exit code of the command, once it has ended. */
  code(): number | undefined;
}

/** The key Ctrl-C. */
export const CTRL_C = '\u0003';

/**
 * Starts `slimrnn` with arguments from a shell in a terminal. `prefix` stands before it (`nohup`), `redirect` after it
 * (`2> log`). The shell outlives what ends the command, and notes its exit code.
 */
export function startInTerminal(
  args: readonly string[],
  folder: string,
  { prefix = '', redirect = '' } = {},
): InTerminal {
  const place = mkdtempSync(join(folder, '.terminal-'));
  const quoted = cliCommand(args).map((part) => `'${part.replaceAll("'", "'\\''")}'`);
  // A trap with a command is not handed down, as an ignored signal would be.
  const lines = [
    'stty cols 100 rows 40',
    'trap : HUP INT TERM',
    `${prefix} ${quoted.join(' ')} ${redirect}`,
    `echo $? > ${place}/code`,
  ];
  writeFileSync(join(place, 'run.sh'), `${lines.join('\n')}\n`);
  const child = spawn('script', ['-qfc', `sh ${place}/run.sh`, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, SHELL: '/bin/sh', _: '' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  child.stdin.on('error', () => undefined);
  return {
    type: (keys) => void child.stdin.write(keys),
    hangUp: () => void child.kill('SIGKILL'),
    shown: () => shown,
    code: () => {
      const text = existsSync(join(place, 'code')) ? readFileSync(join(place, 'code'), 'utf8') : '';
      return text.endsWith('\n') ? Number(text) : undefined;
    },
  };
}

/** Waits until something is so; a command that ends before is an error. */
export async function untilShown(terminal: InTerminal, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    if (terminal.code() !== undefined && !isSo()) throw new Error(`it ended before:\n${terminal.shown()}`);
    await pause();
  }
}

/** Waits for the exit code. */
export async function codeOf(terminal: InTerminal): Promise<number> {
  for (;;) {
    const code = terminal.code();
    if (code !== undefined) return code;
    await pause();
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}
