import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/runs/result.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * Run directories whose result was damaged, or in which others have left something.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(async () => {
  folder = makeFolder();
  writeCorpus(at('text'));
  await runJson(['train', ...tiny, '--data', 'text', '--out', 'run', '--epochs', '1'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('results', () => {
  const whole = () => JSON.parse(readFileSync(at('run', 'result.json'), 'utf8')) as Record<string, unknown>;

  it.each([
    ['empty', () => '', 'is not JSON'],
    ['cut off', () => JSON.stringify(whole()).slice(0, 200), 'is not JSON'],
    ['an object of nothing', () => '{}', 'is damaged'],
    ['a list', () => '[]', 'is damaged'],
    ['without models', () => JSON.stringify({ ...whole(), models: [] }), 'is damaged'],
    ['without a configuration', () => JSON.stringify({ ...whole(), config: null }), 'is damaged'],
    ['of a later version', () => JSON.stringify({ ...whole(), format: 99 }), 'was written by version'],
  ])('that are %s are refused with what to do', async (name, content, words) => {
    const run = `result-${name.replaceAll(' ', '-')}`;
    cpSync(at('run'), at(run), { recursive: true });
    writeFileSync(at(run, 'result.json'), content());
    await expectRefused(
      folder,
      ['train', run, '--resume'],
      `${run}/result.json ${words}`,
      'delete it, and --resume makes it anew',
    );
    rmSync(at(run, 'result.json'));
    const { code, stderr } = await runCli(['train', run, '--resume'], folder);
    expect(code, stderr).toBe(0);
    expect(whole().models).toEqual((JSON.parse(readFileSync(at(run, 'result.json'), 'utf8')) as RunResult).models);
  });

  it('beside a folder that is called like a temporary file are read', async () => {
    cpSync(at('run'), at('with-folder'), { recursive: true });
    rmSync(at('with-folder', 'result.json'));
    mkdirSync(at('with-folder', '.d.tmp'));
    const { code, stderr } = await runCli(['train', 'with-folder', '--resume'], folder);
    expect(code, stderr).toBe(0);
    expect(existsSync(at('with-folder', '.d.tmp'))).toBe(true);
  });
});
