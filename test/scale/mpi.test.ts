import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/runs/result.ts';
import { collectiveContract } from '../support/collectiveContract.ts';
import { untilTraining } from '../support/killing.ts';
import {
  cliCommand,
  makeFolder,
  runCli,
  type Started,
  startCommand,
  strongIss,
  tiny,
  writeCorpus,
} from '../support/runCli.ts';
import { isShort, launchers } from '../support/scale.ts';

/*
 * Two processes train one model, under each launcher that the machine has.
 */

const build = fileURLToPath(new URL('../../build/scale/', import.meta.url));
let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  mkdirSync(build, { recursive: true });
  for (const rank of ['contractRank', 'heapRank']) {
    const bundle = await rolldown({
      input: fileURLToPath(new URL(`${rank}.ts`, import.meta.url)),
      platform: 'node',
      external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    });
    await bundle.write({ file: join(build, `${rank}.mjs`), format: 'esm', codeSplitting: false });
    await bundle.close();
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Epoch {
  readonly train: { readonly perplexity: number };
  readonly valid: { readonly perplexity: number };
  readonly units: readonly number[];
  readonly alive: readonly number[];
}

function epochsOf(out: string): Epoch[] {
  const lines = readFileSync(at(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Epoch);
}

/** How many processes have trained a run, as its result says. */
function processesOf(out: string): number | undefined {
  const result = JSON.parse(readFileSync(at(out, 'result.json'), 'utf8')) as RunResult;
  return result.environment.processes;
}

/** What an epoch came to, without times. */
const cameTo = ({ train, valid, units, alive }: Epoch) => ({ train, valid, units, alive });

/** Largest difference of the perplexities of epochs, relative. */
function apart(some: readonly Epoch[], others: readonly Epoch[]): number {
  expect(some.length).toBe(others.length);
  const values = (epochs: readonly Epoch[]) =>
    epochs.flatMap(({ train, valid }) => [train.perplexity, valid.perplexity]);
  return Math.max(...values(some).map((value, i) => Math.abs(value / values(others)[i]! - 1)));
}

const plain = ['train', ...tiny, '--data', 'text'];
/** So that rounding does not grow: few updates, and no threshold that makes a hair's breadth a difference. */
const calm = ['--epochs', '1'];
const calmIss = ['--keep', '0.8', '--iss', '0.05', '--threshold', '0.002', '--shrink-every', '20', '--epochs', '2'];
/** In which all that ranks must agree on matters: dropout, thresholds, units that die, checkpoints in between. */
const eventful = [...plain, '--keep', '0.8', ...strongIss, '--checkpoint-every', '7'];

describe.each(launchers)('two processes under $name', ({ name, command }) => {
  const isThere = command !== undefined;
  const out = (what: string) => `${what}-${name.replace(/\W/g, '')}`;
  const start = (args: readonly string[], env = process.env): Started => {
    const [file, ...rest] = [...command!, '-n', '2', ...cliCommand(args)];
    return startCommand(file!, rest, folder, env);
  };

  /** Two processes of a script of this folder. */
  const ranks = (script: string) => {
    const [file, ...rest] = [...command!, '-n', '2', process.execPath, join(build, `${script}.mjs`)];
    return startCommand(file!, rest, folder).finished;
  };

  // Where V8's code lies right behind the heap, which happens in one start of forty.
  it.skipIf(!isThere || process.platform !== 'linux')('join without giving any of the heap away', async () => {
    const { code, stdout } = await ranks('heapRank');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'whole\nwhole\n' });
  });

  it.skipIf(!isThere)('keep the contract of a collective', async () => {
    const { code, stdout, stderr } = await ranks('contractRank');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const expected = [0, 1].flatMap((rank) => collectiveContract.map((clause) => `${rank}/2 ${clause.name}`));
    expect(stdout.trim().split('\n').sort()).toEqual(expected.sort());
  });

  it.skipIf(!isThere)('learn what one process does, and say what summing cost', async () => {
    const alone = await runCli([...plain, ...calm, '--out', out('alone')], folder);
    expect(alone.code).toBe(0);
    const { code, stderr } = await start([...plain, ...calm, '--out', out('both')]).finished;
    expect(code).toBe(0);
    expect(stderr).toMatch(/2 processes: [\d.]+ % of the time went into summing/);
    expect([processesOf(out('alone')), processesOf(out('both'))]).toEqual([undefined, 2]);
    expect(apart(epochsOf(out('both')), epochsOf(out('alone')))).toBeLessThan(1e-5);
  });

  it.skipIf(!isThere || isShort)('drop what one process drops, and lose the same units', async () => {
    await runCli([...plain, ...calmIss, '--out', out('alone-dropping')], folder);
    const { code } = await start([...plain, ...calmIss, '--out', out('both-dropping')]).finished;
    expect(code).toBe(0);
    const [both, alone] = [epochsOf(out('both-dropping')), epochsOf(out('alone-dropping'))];
    expect(apart(both, alone)).toBeLessThan(1e-3);
    expect(both.map(({ alive }) => alive)).toEqual(alone.map(({ alive }) => alive));
    expect(Math.min(...alone.at(-1)!.alive)).toBeLessThan(12);
  });

  it.skipIf(!isThere || isShort)('end as if nothing had been, when one was killed and the run is resumed', async () => {
    await start([...eventful, '--out', out('undisturbed')]).finished;
    const killed = start([...eventful, '--out', out('killed')]);
    await untilTraining(killed);
    const [, victim] = ranksIn(out('killed'));
    process.kill(victim!, 'SIGKILL');
    expect((await killed.finished).code).not.toBe(0);
    const resumed = await start(['train', out('killed'), '--resume']).finished;
    expect(resumed.code).toBe(0);
    expect(epochsOf(out('killed')).map(cameTo)).toEqual(epochsOf(out('undisturbed')).map(cameTo));
    const model = (run: string) => readFileSync(at(run, 'model.onnx'));
    expect(model(out('killed')).equals(model(out('undisturbed')))).toBe(true);
  });

  it.skipIf(!isThere).each([
    {
      what: 'a batch that they cannot share',
      args: ['--batch', '5'],
      message: /--batch 5 cannot be shared evenly by 2/,
    },
    { what: 'data that are not there', args: ['--data', 'nowhere'], message: /nowhere does not exist/ },
  ])('refuse, once and before anything is written: $what', async ({ args, message }) => {
    const { code, stderr } = await start([...plain, ...args, '--out', out('refused')]).finished;
    expect(code).toBe(2);
    expect(stderr.split('\n').filter((line) => line.startsWith('error:'))).toEqual([expect.stringMatching(message)]);
    expect(readdirSync(folder)).not.toContain(out('refused'));
  });

  it.skipIf(!isThere)('refuse to train with flags that differ', async () => {
    const own = [...cliCommand([...plain, '--out', out('refused')])];
    const [file, ...rest] = [...command!, '-n', '1', ...own, ':', '-n', '1', ...own, '--seed', '7'];
    const { code, stderr } = await startCommand(file!, rest, folder).finished;
    expect(code).toBe(2);
    expect(stderr).toMatch(/error: processes 0 and 1 of 2 differ in configuration/);
    expect(readdirSync(folder)).not.toContain(out('refused'));
  });
});

/** Processes of this machine that train into a run directory of the test, with Node's own. */
function ranksIn(out: string): number[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words[0] === process.execPath && words.includes(out) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}
