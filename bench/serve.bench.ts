import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { environment } from '../src/base/environment.ts';
import { writeAtomically } from '../src/base/files.ts';
import { median } from '../src/bench/statistics.ts';
import { scriptFlags, whole } from '../src/cli/flags.ts';
import { explain, note, print } from '../src/cli/output.ts';
import { trainInDirectory } from '../src/runs/run.ts';
import { configText, createRunDirectory, runFiles } from '../src/runs/runDirectory.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { startServer } from '../src/serve/server.ts';
import { freshModel } from '../src/tasks/language-model/freshModel.ts';
import { loadText } from '../src/tasks/language-model/start.ts';
import { checkConfig } from '../src/train/config.ts';
import { InterruptedError } from '../src/train/interrupted.ts';
import { presets } from '../src/train/presets.ts';
import { openFollowers } from './support/followers.ts';

/*
 * `npm run bench:serve`: what followers cost a training. A training in this process, the server in another one and the
 * followers in a third take turns of some seconds: alone, with the server idle, and with all followers. The server tells
 * its own CPU time, which the noise of the training's speed cannot hide.
 */

const { values: flags } = scriptFlags(() =>
  parseArgs({
    options: {
      clients: { type: 'string', default: '200' },
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '7' },
      out: { type: 'string' },
      followers: { type: 'string' },
      server: { type: 'string' },
    },
  }),
);

/** What the process of the server or of the followers says when it is ready, and whenever it is asked. */
interface Answer {
  readonly url?: string;
  /** CPU time of the process so far, user and system. */
  readonly cpuSeconds: number;
  /** Messages received so far. */
  readonly received: number;
}

/** In the process of the server. */
async function serve(root: string): Promise<void> {
  const { url } = await startServer({ root, host: '127.0.0.1', port: 0 });
  answerParent(() => ({ url, received: 0 }));
}

/** In the process of the followers. */
async function follow(url: string): Promise<void> {
  const followers = await openFollowers(url, whole('--clients')(flags.clients));
  answerParent(() => ({ received: followers.received() }));
}

/** Answers now and whenever the parent asks; ends with it. */
function answerParent(say: () => Omit<Answer, 'cpuSeconds'>): void {
  const answer = () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ ...say(), cpuSeconds: (user + system) / 1e6 } satisfies Answer);
  };
  process.on('message', answer);
  process.on('disconnect', () => process.exit());
  answer();
}

async function bench(): Promise<void> {
  const [rounds, seconds] = [whole('--rounds')(flags.rounds), whole('--seconds')(flags.seconds)];
  const root = mkdtempSync(join(tmpdir(), 'slimrnn-bench-serve-'));
  const directory = join(root, 'run');
  const server = await startHelper('--server', root);
  const stop = new AbortController();
  try {
    const config = checkConfig({ ...presets['zaremba-small'], vocabulary: 10_000, epochs: 1000 }, 'bench');
    const corpus = await loadText(config, undefined);
    const lock = await createRunDirectory(directory);
    await writeAtomically(join(directory, runFiles.config), configText(config, undefined, undefined));
    const url = `${server.first.url}api/events?run=run`;
    let tokens = 0;
    const training = trainInDirectory({
      ...{ config, corpus, directory, runtime: nodeRuntime, signal: stop.signal },
      model: freshModel(config, corpus.vocabulary),
      onWindow: () => {
        tokens += config.batch * config.steps;
      },
    }).catch((error: unknown) => {
      if (!(error instanceof InterruptedError)) throw error;
    });
    const speed = async () => {
      const [before, start] = [tokens, performance.now()];
      await sleep(seconds);
      return (tokens - before) / ((performance.now() - start) / 1e3);
    };
    await sleep(5);
    const alone: number[] = [];
    const followed: number[] = [];
    const serverShares: number[] = [];
    let received = 0;
    for (let round = 0; round < rounds; round++) {
      alone.push(await speed());
      const followers = await startHelper('--followers', url, '--clients', flags.clients);
      const [before, start] = [await server.ask(), performance.now()];
      followed.push(await speed());
      serverShares.push(((await server.ask()).cpuSeconds - before.cpuSeconds) / ((performance.now() - start) / 1e3));
      received += (await followers.ask()).received;
      followers.process.kill();
      // What closing 200 connections costs belongs to neither.
      await sleep(1);
      note(
        `round ${round + 1} of ${rounds}: ${alone.at(-1)!.toFixed(0)} tokens/s alone, ${followed.at(-1)!.toFixed(0)} followed`,
      );
    }
    stop.abort();
    await training;
    lock.release();
    const ratios = followed.map((value, i) => value / alone[i]!);
    const document = {
      clients: whole('--clients')(flags.clients),
      seconds,
      tokensPerSecond: { alone, followed },
      median: { alone: median(alone), followed: median(followed), ratio: median(ratios) },
      /** Cores that the server is busy with while it is followed. */
      serverCores: { each: serverShares, median: median(serverShares) },
      messagesPerClient: received / rounds / whole('--clients')(flags.clients),
      engine: nodeRuntime.name,
      environment: { ...environment(), command: ['npm run bench:serve --', ...process.argv.slice(2)].join(' ').trim() },
    };
    if (flags.out) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
    print(true, document, () => '');
  } finally {
    server.process.kill();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Starts this program again in another role; resolves with its first answer. */
async function startHelper(...args: readonly string[]) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const answered = () =>
    new Promise<Answer>((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${args[0]} ended with exit code ${code}`));
      child.once('exit', onExit);
      child.once('message', (answer) => {
        child.off('exit', onExit);
        resolve(answer as Answer);
      });
    });
  const ask = () => {
    const answer = answered();
    child.send('how much');
    return answer;
  };
  return { process: child, first: await answered(), ask };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}

try {
  if (flags.server !== undefined) await serve(flags.server);
  else if (flags.followers !== undefined) await follow(flags.followers);
  else await bench();
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exit(code);
}
