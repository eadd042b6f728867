import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acquireLock, LockedError } from '../base/lock.ts';
import { makeCorpus } from '../data/makeCorpus.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { freshModel } from '../tasks/language-model/freshModel.ts';
import { checkConfig } from '../train/config.ts';
import { presets } from '../train/presets.ts';
import { findRuns } from './findRuns.ts';
import { readRun } from './readRun.ts';
import { type RunOptions, run } from './run.ts';

const words = (count: number) => Array.from({ length: count }, (_, i) => `w${(i * i) % 7}`);
const corpus = makeCorpus('made up', 'made up', { train: words(120), valid: words(40), test: words(40) });
const sizes = { hidden: [4], embedding: 3, batch: 2, steps: 5, epochs: 1, threads: 1, iss: 0.01 };
const config = checkConfig({ ...presets['zaremba-small'], ...sizes }, 'test');
let folder: string;
let options: RunOptions;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-run-'));
  const model = freshModel(config, corpus.vocabulary);
  options = { config, corpus, model, runtime: nodeRuntime, directory: join(folder, 'deep', 'mine') };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a run of the library', () => {
  it('leaves a directory that the tools for runs read', async () => {
    const stages: string[] = [];
    const ready = () => stages.push(existsSync(join(options.directory, 'config.json')) ? 'ready' : 'too early');
    const result = await run({ ...options, sources: { data: 'my/text' }, onReady: ready });
    expect(stages).toEqual(['ready']);
    expect(await findRuns(folder)).toEqual(['deep/mine']);
    const { config: saved, result: read } = await readRun(folder, 'deep/mine');
    expect(saved).toMatchObject({ model: { hidden: config.hidden }, sources: { data: 'my/text', init: null } });
    expect(read?.models?.length).toBe(result.models.length);
  });

  it('is not made twice, nor trained again when it is finished', async () => {
    const before = readFileSync(join(options.directory, 'result.json'));
    await expect(run(options)).rejects.toThrow('exists; add --resume');
    const sources = { data: 'my/text' };
    const onWindow = () => expect.unreachable('a finished run was trained');
    const again = await run({ ...options, sources, resume: true, onWindow });
    expect(JSON.parse(before.toString())).toEqual(again);
    expect(readFileSync(join(options.directory, 'result.json'))).toEqual(before);
  });

  it('goes on only as what it was, and only where nobody else is', async () => {
    await expect(run({ ...options, resume: true })).rejects.toThrow('was started with --data my/text, not no --data');
    const elsewhere = { ...options, directory: join(folder, 'nothing'), resume: true };
    await expect(run(elsewhere)).rejects.toThrow('is no run directory');
    expect(existsSync(elsewhere.directory)).toBe(false);
    const lock = await acquireLock(options.directory);
    await expect(run({ ...options, sources: { data: 'my/text' }, resume: true })).rejects.toThrow(LockedError);
    lock.release();
  });

  it('writes nothing for a target out of reach', async () => {
    const directory = join(folder, 'small');
    const small = checkConfig({ ...config, iss: 0, target: 'params=0.01' }, 'test');
    await expect(run({ ...options, config: small, directory })).rejects.toThrow('cannot be reached');
    expect(existsSync(directory)).toBe(false);
  });
});
