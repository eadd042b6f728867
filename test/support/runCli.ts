import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomStream } from '../../src/base/random.ts';
import { nodeFlags } from './nodeFlags.ts';
import { runWarm } from './warmCli.ts';

/*
 * Runs the built command line, in a folder of its own, on a small corpus.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The command line as it was built. */
export const main = join(root, 'dist/cli/main.js');

/** What a finished process left. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process on its way. */
export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What it has written to stderr so far. */
  readonly stderr: () => string;
}

/** The command that runs `slimrnn` with arguments. */
export function cliCommand(args: readonly string[]): [file: string, ...args: string[]] {
  requireBuild();
  return [process.execPath, ...nodeFlags, main, ...args];
}

/** Starts `slimrnn` with arguments in a folder, as if nothing stood before it (`_` would tell of nohup). */
export function startCli(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = { _: '' }): Started {
  const [file, ...rest] = cliCommand(args);
  return startCommand(file, rest, cwd, { ...process.env, ...env });
}

/** Starts any command in a folder, in the environment of this process unless another one is given. */
export function startCommand(command: string, args: readonly string[], cwd: string, env = process.env): Started {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, finished, stderr: () => stderr };
}

/**
 * Runs `slimrnn` with arguments in a folder to its end as a user does, in a process of its own: crashes, signals and the
 * guard are seen here alone, and each command has a test that runs it so.
 */
export function runAlone(args: readonly string[], cwd: string): Promise<Finished> {
  return startCli(args, cwd).finished;
}

/** Runs `slimrnn` with arguments in a folder to its end, in a process that is there already, without its guard. */
export function runCli(args: readonly string[], cwd: string): Promise<Finished> {
  requireBuild();
  return runWarm(main, args, cwd);
}

/** Runs `slimrnn` with --json and gives the one document on stdout; throws with stderr when the command fails. */
export async function runJson<T>(args: readonly string[], cwd: string, run = runCli): Promise<T> {
  const { code, stdout, stderr } = await run([...args, '--json'], cwd);
  if (code !== 0) throw new Error(`slimrnn ${args.join(' ')} ended with exit code ${code}:\n${stderr}`);
  return JSON.parse(stdout) as T;
}

/** Flags of a training that takes about a second: 2 layers of 12 units, 3 epochs. */
export const tiny = [
  ...['zaremba-small', '--hidden', '12,12', '--embedding', '8', '--batch', '4', '--steps', '5'],
  ...['--init-scale', '0.5', '--epochs', '3', '--threads', '1'],
];

/** λ at which some, but not all, of the units of a tiny training on the tiny corpus die. */
export const strongIss = ['--iss', '0.02', '--threshold', '0.03', '--shrink-every', '20'];

/** A folder that the caller removes. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'slimrnn-cli-'));
}

/** Writes a corpus of a small made-up language as train.txt, valid.txt and test.txt into a new folder. */
export function writeCorpus(folder: string, seed = 1): string {
  mkdirSync(folder, { recursive: true });
  const random = randomStream(seed);
  for (const [part, sentences] of Object.entries({ train: 400, valid: 60, test: 60 })) {
    writeFileSync(join(folder, `${part}.txt`), sentencesOf(sentences, random));
  }
  return folder;
}

/** Sentences over 60 words: who, does, what, where. Each word class agrees with the one before, so that there is something to learn. */
export function sentencesOf(count: number, random: () => number): string {
  const pick = (n: number) => Math.floor(random() * n);
  const lines = Array.from({ length: count }, () => {
    const kind = pick(4);
    const word = (stem: string) => `${stem}${kind}${'abcd'[pick(4)]}`;
    const short = `the ${word('noun')} ${word('verb')} a ${word('thing')}`;
    return random() < 0.5 ? short : `${short} in some place${pick(4)}`;
  });
  return `${lines.join('\n')}\n`;
}

/** Everything in a folder: path → digest of the content, or `folder`. Equal snapshots mean that nothing was touched. */
export function snapshot(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const full = join(folder, path);
    const isFolder = statSync(full).isDirectory();
    found[path] = isFolder ? 'folder' : createHash('sha256').update(readFileSync(full)).digest('hex');
  }
  return found;
}

/** The lines of a run's metrics.jsonl without what depends on the clock. */
export function timelessMetrics(run: string): unknown[] {
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _seconds, itemsPerSecond: _speed, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
}

let checked = false;

/** Throws without a new build: the tests run what `npm run build` made, and another one would test something else. */
export function requireBuild(): void {
  if (checked) return;
  const hint = 'run `npm run build` first (npm test does)';
  if (!existsSync(main)) throw new Error(`${main} is missing: ${hint}`);
  const built = statSync(main).mtimeMs;
  const newer = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).find(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && statSync(join(root, 'src', path)).mtimeMs > built,
  );
  if (newer !== undefined) throw new Error(`src/${newer} is newer than the build in dist: ${hint}`);
  checked = true;
}
