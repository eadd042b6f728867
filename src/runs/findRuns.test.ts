import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { makeRun } from '../../test/support/runFolder.ts';
import { createRunFinder, findRuns, moreRuns, runFolder } from './findRuns.ts';
import { openRunFile, readRun } from './readRun.ts';

let outside: string;
let root: string;
const at = (...path: string[]) => join(root, ...path);

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), 'slimrnn-runs-'));
  root = join(outside, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(outside, { recursive: true, force: true }));

describe('findRuns', () => {
  it('finds runs at any level, and the root itself', async () => {
    makeRun(at('a'));
    makeRun(at('sweep', 'run-1'));
    makeRun(at('sweep', 'run-2'));
    mkdirSync(at('empty'));
    expect((await findRuns(root)).ids).toEqual(['a', 'sweep/run-1', 'sweep/run-2']);
    expect((await findRuns(at('a'))).ids).toEqual(['']);
  });

  it('follows links inside the root, and none out of it or in circles', async () => {
    makeRun(at('a'));
    makeRun(join(outside, 'secret'));
    symlinkSync(at('a'), at('same'));
    symlinkSync(join(outside, 'secret'), at('secret'));
    symlinkSync(root, at('circle'));
    expect((await findRuns(root)).ids).toEqual(['a', 'same']);
  });

  it('looks at four levels and skips hidden folders', async () => {
    makeRun(at('1', '2', '3', '4'));
    makeRun(at('1', '2', '3', '4', '5'));
    makeRun(at('.hidden'));
    expect((await findRuns(root)).ids).toEqual(['1/2/3/4']);
  });

  it('is not led astray by a folder with much else in it', async () => {
    for (const folder of ['b', 'c']) {
      mkdirSync(at('a-packages', folder), { recursive: true });
      for (let i = 0; i < 10; i++) writeFileSync(at('a-packages', folder, `${i}`), '');
    }
    makeRun(at('runs', 'a'));
    expect((await findRuns(root, 10)).ids).toEqual(['runs/a']);
    expect((await findRuns(root, 3)).ids).toEqual([]);
  });

  it('says that there are more than it looks at', async () => {
    for (const name of ['a', 'b', 'c']) makeRun(at(name));
    const some = await findRuns(root, 2);
    expect([some.ids.length, some.more, moreRuns(some)]).toEqual([2, true, expect.stringMatching(/^2 of more runs/)]);
    const all = await findRuns(root, 3);
    expect([all.ids.length, all.more, moreRuns(all)]).toEqual([3, false, undefined]);
  });

  it('looks again only into folders that have changed', async () => {
    makeRun(at('a'));
    makeRun(at('deep', 'b'));
    const long = new Date(Date.now() - 60_000);
    for (const folder of [root, at('a'), at('deep'), at('deep', 'b')]) utimesSync(folder, long, long);
    const find = createRunFinder(root);
    const first = await find();
    expect(first.ids).toEqual(['a', 'deep/b']);
    expect((await find()).stamps).toEqual(first.stamps);
    // Not seen, because the time of the folder says that nothing has changed.
    makeRun(at('deep', 'c'));
    utimesSync(at('deep'), long, long);
    expect((await find()).ids).toEqual(['a', 'deep/b']);
    makeRun(at('deep', 'd'));
    rmSync(at('a'), { recursive: true });
    const last = await find();
    expect(last.ids).toEqual(['deep/b', 'deep/c', 'deep/d']);
    // What has just changed may change again within the same tick of the clock.
    expect(last.stamps.get('deep/d')).toBeUndefined();
    expect(last.stamps.get('deep/b')).toBe(first.stamps.get('deep/b'));
  });

  it('refuses what is no folder', async () => {
    writeFileSync(at('file'), '');
    await expect(findRuns(at('file'))).rejects.toThrow('is no folder');
    await expect(findRuns(at('nothing'))).rejects.toThrow('there is no such file or folder');
  });
});

test.each([
  '..',
  '../secret',
  'a/../../secret',
  'a/..',
  './a',
  'a//b',
  '/etc',
  'a/',
  '\\..\\secret',
  'a\u0000',
  '.hidden',
  'secret',
  'nothing',
  'empty',
])('%j is the id of no run', async (id) => {
  makeRun(at('a'));
  makeRun(at('.hidden'));
  makeRun(join(outside, 'secret'));
  mkdirSync(at('empty'));
  symlinkSync(join(outside, 'secret'), at('secret'));
  expect(await runFolder(root, id)).toBeUndefined();
  await expect(readRun(root, id)).rejects.toThrow('there is no run');
  expect(await openRunFile(root, id, 'config.json')).toBeUndefined();
});
