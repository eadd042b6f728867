import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openFollowers } from '../bench/followers.ts';
import { median } from '../bench/statistics.ts';
import { environment } from '../environment.ts';
import { writeAtomically } from '../files.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { checkConfig } from '../train/config.ts';
import { freshModel } from '../train/freshModel.ts';
import { presets } from '../train/presets.ts';
import { trainInDirectory } from '../train/run.ts';
import { configText, createRunDirectory, runFiles } from '../train/runDirectory.ts';
import { loadText } from '../train/start.ts';
import { InterruptedError } from '../train/trainer.ts';
import { explain, note, print } from './output.ts';

/*
 * `npm run bench:serve`: what followers cost a training. A training in this process, `slimrnn serve` in another one and
 * the followers in a third take turns of some seconds: alone, with the server idle, with all followers.
 */

const { values: flags } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '7' },
    out: { type: 'string' },
    followers: { type: 'string' },
  },
});

/** In the process of the followers: opens them and tells the parent; ends with it. */
async function follow(url: string): Promise<void> {
  const followers = await openFollowers(url, Number(flags.clients));
  process.send?.({ open: true });
  process.on('message', () => process.send?.({ received: followers.received() }));
  process.on('disconnect', () => process.exit());
}

async function bench(): Promise<void> {
  const [rounds, seconds] = [Number(flags.rounds), Number(flags.seconds)];
  const root = mkdtempSync(join(tmpdir(), 'slimrnn-bench-serve-'));
  const directory = join(root, 'run');
  const server = spawn(process.execPath, [
    fileURLToPath(new URL('main.js', import.meta.url)),
    'serve',
    root,
    '--port',
    '0',
    '--json',
  ]);
  const stop = new AbortController();
  try {
    const config = checkConfig({ ...presets['zaremba-small'], vocabulary: 10_000, epochs: 1000 }, 'bench');
    const corpus = await loadText(config, undefined);
    const lock = await createRunDirectory(directory);
    await writeAtomically(join(directory, runFiles.config), configText(config, undefined, undefined));
    const url = `${await addressOf(server)}api/events?run=run`;
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
    let received = 0;
    for (let round = 0; round < rounds; round++) {
      alone.push(await speed());
      const followers = await openInProcess(url);
      followed.push(await speed());
      received += await followers.received();
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
      clients: Number(flags.clients),
      seconds,
      tokensPerSecond: { alone, followed },
      median: { alone: median(alone), followed: median(followed), ratio: median(ratios) },
      messagesPerClient: received / rounds / Number(flags.clients),
      engine: nodeRuntime.name,
      environment: { ...environment(), command: ['npm run bench:serve --', ...process.argv.slice(2)].join(' ').trim() },
    };
    if (flags.out) await writeAtomically(flags.out, `${JSON.stringify(document, null, 2)}\n`);
    print(true, document, () => '');
  } finally {
    server.kill();
    rmSync(root, { recursive: true, force: true });
  }
}

async function addressOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    server.stdout!.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.includes('\n')) resolve((JSON.parse(text) as { url: string }).url);
    });
    server.once('exit', (code) => reject(new Error(`serve ended with exit code ${code}`)));
  });
}

async function openInProcess(url: string) {
  const args = ['--followers', url, '--clients', flags.clients];
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the followers ended with exit code ${code}`)));
  });
  return {
    process: child,
    received: () =>
      new Promise<number>((resolve) => {
        child.once('message', (message) => resolve((message as { received: number }).received));
        child.send('how many');
      }),
  };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}

try {
  await (flags.followers === undefined ? bench() : follow(flags.followers));
} catch (error) {
  const { message, code } = explain(error);
  note(message);
  process.exit(code);
}
