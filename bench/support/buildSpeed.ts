import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SlimError, UsageError } from '../../src/base/errors.ts';
import { randomStream } from '../../src/base/random.ts';
import { median, type Spread, spread } from '../../src/bench/statistics.ts';
import { stepConfig, tokensOfUpdate } from './trainingStep.ts';
import type { Turn, TurnDone, UpdateTime } from './turnsPreload.ts';

/*
 * Two builds of slimrnn beside each other. They may be of any version: only their command line is used, and that they
 * run the engine once an update.
 */

/** The build that is there, and the one that is to take its place. */
export type BuildName = 'old' | 'new';

/** What is compared, and how. */
export interface CompareOptions {
  /** Folders that `npm run build` made. */
  readonly builds: Readonly<Record<BuildName, string>>;
  readonly preset: string;
  /** Turns of each build, and updates that are timed in a turn. */
  readonly rounds: number;
  readonly updates: number;
  readonly threads: number;
  /** An empty folder for texts and runs. */
  readonly folder: string;
}

/** The updates of both builds by one clock. */
export interface ClockComparison {
  /** Milliseconds of an update. */
  readonly milliseconds: Readonly<Record<BuildName, Spread>>;
  /** Old / new, the median over the rounds: above 1 the new build is faster. */
  readonly ratio: number;
}

/** Both builds' training step of one preset. */
export interface PresetComparison {
  readonly preset: string;
  readonly wall: ClockComparison;
  /** CPU time, which tells more than the wall clock where other processes want the cores. */
  readonly cpu: ClockComparison;
}

/** Words of the text, as many as the embedded corpus and Penn Treebank have. */
const WORDS = 10_000;
/** Tokens of the texts to be scored, which nobody reads. */
const SCORED = 1000;
const LINE = 20;
/** Updates at the beginning of a turn that are not timed: until the caches hold this build's data. */
const LEAD_IN = 1;

/** The folder of a build; throws UsageError where there is no command line in it. */
export function buildIn(folder: string): string {
  if (existsSync(mainOf(folder))) return folder;
  throw new UsageError(`${folder} is no build of slimrnn: there is no ${mainOf(folder)}; make it with npm run build`);
}

/**
 * Times the updates of a preset with both builds in turn. Each trains on the same random text in a process of its own,
 * and stands still while the other one has its turn. Throws SlimError with the words of a build that cannot train.
 */
export async function compareBuilds(options: CompareOptions): Promise<PresetComparison> {
  const { builds, preset, updates, rounds, threads, folder } = options;
  const text = join(folder, preset);
  // One round warms up; the trainings are ended before their epoch is over.
  writeText(text, Math.max(2 * WORDS, (rounds + 2) * (updates + LEAD_IN) * tokensOfUpdate(stepConfig(preset, {}))));
  const flags = ['--data', text, '--epochs', '1', '--threads', String(threads)];
  const start = (name: BuildName) =>
    startTraining(builds[name], name, ['train', preset, ...flags, '--out', `${text}-${name}`]);
  const trainings = [start('old'), start('new')] as const;
  try {
    // Until it is ready a training disturbs the other one.
    await Promise.all(trainings.map(({ ready }) => ready));
    const timed: Round[] = [];
    for (let round = 0; round <= rounds; round++) {
      timed.push({ old: await trainings[0].turn(updates), new: await trainings[1].turn(updates) });
    }
    const counted = timed.slice(1);
    return { preset, wall: compareBy('wall', counted), cpu: compareBy('cpu', counted) };
  } finally {
    for (const { child } of trainings) child.kill('SIGKILL');
  }
}

/** A turn of each build. */
type Round = Readonly<Record<BuildName, readonly UpdateTime[]>>;

function compareBy(clock: keyof UpdateTime, rounds: readonly Round[]): ClockComparison {
  const times = (name: BuildName) => rounds.map((round) => round[name].map((update) => update[clock]));
  const [old, current] = [times('old'), times('new')];
  return {
    milliseconds: { old: spread(old.flat()), new: spread(current.flat()) },
    ratio: median(old.map((turn, round) => median(turn) / median(current[round]!))),
  };
}

function mainOf(build: string): string {
  return join(build, 'cli', 'main.js');
}

/** Writes texts of random words: one to train on of so many tokens, in which each word comes at least once, and two to score. */
function writeText(folder: string, tokens: number): void {
  mkdirSync(folder, { recursive: true });
  const random = randomStream(1);
  const word = (i: number) => `w${i < WORDS ? i : Math.floor(random() * WORDS)}`;
  // A line end is a token, too.
  const lines = (count: number, from: number) =>
    Array.from({ length: Math.ceil(count / LINE) }, (_, line) =>
      Array.from({ length: LINE - 1 }, (_, i) => word(from + line * (LINE - 1) + i)).join(' '),
    ).join('\n');
  writeFileSync(join(folder, 'train.txt'), `${lines(tokens, 0)}\n`);
  for (const part of ['valid', 'test']) writeFileSync(join(folder, `${part}.txt`), `${lines(SCORED, WORDS)}\n`);
}

/** A training that goes on by turns. */
interface TrainingByTurns {
  readonly child: ChildProcess;
  /** Resolves when it is about to do its first update. */
  readonly ready: Promise<unknown>;
  /** Does the next updates. */
  turn(updates: number): Promise<readonly UpdateTime[]>;
}

function startTraining(build: string, name: BuildName, command: readonly string[]): TrainingByTurns {
  const preload = new URL('./turnsPreload.js', import.meta.url).href;
  const args = ['--import', preload, resolve(mainOf(build)), ...command];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const answer = () =>
    new Promise<TurnDone>((resolve, reject) => {
      const onEnd = () => reject(new SlimError(`the ${name} build ended before it was told to: ${stderr.trim()}`));
      child.once('close', onEnd);
      child.once('message', (message) => {
        child.off('close', onEnd);
        resolve(message as TurnDone);
      });
    });
  return {
    child,
    ready: answer(),
    async turn(updates) {
      const done = answer();
      child.send({ updates: updates + LEAD_IN } satisfies Turn);
      return (await done).updates.slice(LEAD_IN);
    },
  };
}
