import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord, RunSummary } from '../../src/runs/record.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';
import { makeRun } from '../support/runFolder.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const json = (...path: string[]) => JSON.parse(readFileSync(at(...path), 'utf8')) as unknown;

beforeAll(() => {
  folder = makeFolder();
  makeRun(at('runs', 'sweep', 'a b'), { finished: true });
  makeRun(at('runs', 'half'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a site has the page, the engine, and what the page asks for about each finished run', async () => {
  const { runs, bytes } = await runJson<{ runs: string[]; bytes: number }>(['site', 'runs', '--out', 'site'], folder);
  expect(runs).toEqual(['sweep/a b']);
  for (const file of ['index.html', 'assets/main.js', 'assets/ort-wasm-simd-threaded.wasm']) {
    expect(existsSync(at('site', file)), file).toBe(true);
  }
  const list = json('site', 'api', 'runs.json') as { runs: RunSummary[]; live: boolean };
  expect([list.runs.map(({ id }) => id), list.live]).toEqual([['sweep/a b'], false]);
  const record = json('site', 'api', 'runs', 'sweep', 'a b.json') as RunRecord;
  expect(record.epochs).toHaveLength(2);
  let copied = 0;
  for (const name of record.summary.files) {
    const file = readFileSync(at('site', 'files', 'sweep', 'a b', name));
    expect(file.equals(readFileSync(at('runs', 'sweep', 'a b', name))), name).toBe(true);
    copied += file.length;
  }
  expect(record.summary.files).toContain('slim.onnx');
  expect(bytes).toBe(copied);
});

test('a folder that is a run itself stands under ~', async () => {
  await runJson(['site', join('runs', 'sweep', 'a b'), '--out', 'one'], folder);
  expect(existsSync(at('one', 'api', 'runs', '~.json'))).toBe(true);
  expect(existsSync(at('one', 'files', '~', 'slim.onnx'))).toBe(true);
});

test('places that will not do are refused before anything is written', async () => {
  mkdirSync(at('full'));
  writeFileSync(at('full', 'mine.txt'), 'mine');
  const cases: [string[], string][] = [
    [['site', 'runs', '--out', 'full'], 'is not empty'],
    [['site', 'runs', '--out', join('full', 'mine.txt')], 'is a file'],
    [['site', 'runs', '--out', join('runs', 'site')], 'is inside runs'],
    [['site', 'runs', '--out', 'runs'], 'is not empty'],
    [['site', 'none', '--out', 'new'], 'there is no folder none'],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runCli(args, folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  }
  expect([existsSync(at('new')), existsSync(at('runs', 'site')), readFileSync(at('full', 'mine.txt'), 'utf8')]).toEqual(
    [false, false, 'mine'],
  );
});
