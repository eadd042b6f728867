import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunRecord, RunSummary } from '../../src/runs/record.ts';
import { cliCommand, makeFolder, runAlone, runCli, runJson } from '../support/runCli.ts';
import { makeRun } from '../support/runFolder.ts';
import { canMount, mountDisk, unmountDisk } from '../support/smallDisk.ts';

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

test('a site that a killed process began is begun anew', async () => {
  mkdirSync(at('begun', '.slimrnn-site.tmp', 'assets'), { recursive: true });
  writeFileSync(at('begun', '.slimrnn-site.tmp', 'half.txt'), 'half');
  await runJson(['site', 'runs', '--out', 'begun'], folder, runAlone);
  expect(readdirSync(at('begun')).sort()).toEqual(['api', 'assets', 'files', 'index.html']);
});

test.skipIf(!canMount())('a full disk is one line, and the next try is not in the way', async () => {
  mkdirSync(at('disk'));
  mountDisk(at('disk'), '64k');
  try {
    for (const out of [join('disk', 'deep', 'site'), join('disk', 'deep', 'site'), 'disk']) {
      const { code, stderr } = await runCli(['site', 'runs', '--out', out], folder);
      expect([code, stderr]).toEqual([1, `error: cannot write ${out}: the disk is full\n`]);
      expect(readdirSync(at('disk'))).toEqual([]);
    }
  } finally {
    unmountDisk(at('disk'));
  }
});

test.skipIf(process.getuid?.() !== 0)('what may not be written or read is one line', async () => {
  for (const [name, mode] of [
    ['mine', 0o755],
    ['secret', 0o700],
  ] as const) {
    mkdirSync(at(name));
    chmodSync(at(name), mode);
  }
  chmodSync(folder, 0o755);
  const asNobody = async (args: string[]) => {
    const [file, ...rest] = cliCommand(args);
    const child = spawn(file, rest, { cwd: folder, uid: 65_534, gid: 65_534, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    return [code, said];
  };
  expect(await asNobody(['site', 'runs', '--out', 'mine/site'])).toEqual([
    1,
    'error: cannot write mine/site: permission denied\n',
  ]);
  for (const command of [
    ['serve', 'secret', '--port', '0'],
    ['site', 'secret', '--out', 'new'],
  ]) {
    expect(await asNobody(command)).toEqual([2, 'error: cannot read secret: permission denied\n']);
  }
  expect(existsSync(at('new'))).toBe(false);
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
