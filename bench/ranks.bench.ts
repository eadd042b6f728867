import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { SlimError } from '../src/base/errors.ts';
import { randomStream } from '../src/base/random.ts';
import { median } from '../src/bench/statistics.ts';
import { note, table } from '../src/cli/output.ts';
import { readRun } from '../src/runs/readRun.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';

interface Flags {
  readonly preset: string;
  readonly ranks: number;
  readonly updates: number;
  readonly epochs: number;
  readonly rounds: number;
}

/** Words that the text is drawn from, as many as Penn Treebank has: the gradient has the size that it has there. */
const WORDS = 10_000;
/** Launchers, as Debian's packages call them, with what they need to start several processes on few cores. */
const LAUNCHERS = {
  MPICH: ['mpirun.mpich'],
  'Open MPI': ['mpirun.openmpi', '--allow-run-as-root', '--oversubscribe', '--bind-to', 'none'],
} as const;
type Launcher = keyof typeof LAUNCHERS;

await runScript<Flags>({
  name: 'bench:ranks',
  about:
    'One training by several processes with a thread each beside the same training by one process with as many threads, in ' +
    'turn, under each MPI launcher that the machine has. The first epoch of a training compiles and is left out.',
  options: [
    new Option('--preset <name>', 'preset of a language model').default('zaremba-medium'),
    wholeOption('--ranks', 'processes, and threads of the one', 2),
    wholeOption('--updates', 'updates of an epoch', 25),
    wholeOption('--epochs', 'epochs of a training, one of which is left out', 3),
    wholeOption('--rounds', 'turns of each', 3),
  ],
  async measure(flags) {
    const { preset, ranks, epochs, rounds } = flags;
    const folder = mkdtempSync(join(tmpdir(), 'slimrnn-ranks-'));
    try {
      writeText(folder, flags.updates);
      const launchers = (Object.keys(LAUNCHERS) as Launcher[]).filter((name) => isThere(LAUNCHERS[name][0]));
      const times = new Map<Launcher | 'one', number[]>(
        [...(['one', ...launchers] as const)].map((name) => [name, []]),
      );
      for (let round = 0; round < rounds; round++) {
        for (const [name, own] of times) {
          note(`round ${round + 1} of ${rounds}: ${name === 'one' ? 'one process' : `${ranks} processes, ${name}`}`);
          const out = join(folder, `${name}-${round}`);
          const args = ['train', preset, '--data', folder, '--epochs', `${epochs}`, '--out', out];
          const [file, ...before] =
            name === 'one' ? [process.execPath] : [...LAUNCHERS[name], '-n', `${ranks}`, process.execPath];
          run(file, [...before, resolve('dist/cli/main.js'), ...args, '--threads', name === 'one' ? `${ranks}` : '1']);
          const { epochs: done } = await readRun(out, '');
          own.push(...done.slice(1).map((epoch) => epoch.seconds));
        }
      }
      const one = median(times.get('one')!);
      const results = launchers.map((launcher) => {
        const seconds = median(times.get(launcher)!);
        return { launcher, seconds, ratio: seconds / one };
      });
      return {
        figures: { preset, ranks, words: WORDS, updates: flags.updates, seconds: one, results },
        text: () =>
          table(
            ['', 'an epoch', 'of one process'],
            [
              [`one process, ${ranks} threads`, `${one.toFixed(2)} s`, ''],
              ...results.map(({ launcher, seconds, ratio }) => [
                `${ranks} processes, ${launcher}`,
                `${seconds.toFixed(2)} s`,
                `${ratio.toFixed(3)} ×`,
              ]),
            ],
          ),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** Random text in which every word occurs, for so many updates of 20 × 35 words. */
function writeText(folder: string, updates: number): void {
  const random = randomStream(1);
  const lines = (count: number, all: boolean) => {
    const words = Array.from(
      { length: count },
      (_, i) => `w${all && i < WORDS ? i : Math.floor(WORDS * random() ** 3)}`,
    );
    return `${words.join(' ')}\n`;
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'train.txt'), lines(Math.max(WORDS, 20 * (35 * updates + 1)), true));
  for (const part of ['valid', 'test']) writeFileSync(join(folder, `${part}.txt`), lines(1500, false));
}

function isThere(command: string): boolean {
  return (process.env.PATH ?? '').split(':').some((path) => existsSync(join(path, command)));
}

function run(file: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (status !== 0) throw new SlimError(`${file} ${args.join(' ')} ended with ${status}: ${stderr.slice(-500)}`);
}
