import { readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { slimModel } from '../../examples/browser/src/slimModel.ts';
import { describeModel } from '../../src/inspect/describe.ts';
import { loadModel } from '../../src/onnx/file.ts';
import { readModel } from '../../src/onnx/read.ts';
import { torchModule } from '../../src/pytorch/torchModule.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { makeFolder } from '../support/runCli.ts';

/*
 * The examples do what their pages say, with small data. Those of examples/library and examples/extend have tests of their
 * own beside this one, that of examples/finetune is test/cli/finetune.test.ts, and Vite bundles examples/browser in
 * `npm run release:check`.
 */

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const read = (path: string) => readFileSync(join(examples, path), 'utf8');
const home = process.cwd();
const args = process.argv;

let folder: string;

beforeAll(() => {
  folder = makeFolder();
  process.chdir(folder);
  vi.spyOn(console, 'log').mockImplementation(() => undefined);
});

afterAll(() => {
  vi.restoreAllMocks();
  process.argv = args;
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a script of an example with these arguments, as node does. */
async function runScript(path: string, ...given: readonly string[]): Promise<void> {
  process.argv = [process.execPath, path, ...given];
  await import(join(examples, path));
}

it('each has a page that the list of them names', () => {
  const folders = readdirSync(examples, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    expect(read(`${name}/README.md`)).toMatch(/^# /);
    expect(read('README.md')).toContain(`(${name}/README.md)`);
  }
});

it.each([
  ['voice-activity', '6', [48]],
  ['noise-suppression', '6', [64, 64]],
  ['tagging', '40', [40, 40]],
  ['forecasting', '60', undefined],
])('%s makes its model', async (name, size, units) => {
  await runScript(`${name}/make.mjs`, size, '1');
  const { layers } = describeModel(await loadModel('model.onnx'));
  expect(layers.length).toBeGreaterThan(0);
  if (units) expect(layers.map((layer) => layer.units)).toEqual(units);
});

it('own-text makes a text from which the page of examples/browser trains a slim model', async () => {
  await runScript('own-text/make.mjs', '300');
  const text = readFileSync('book.txt', 'utf8');
  expect(text.trimEnd().split('\n')).toHaveLength(300);
  const lines: string[] = [];
  const { units, bytes } = await slimModel(text, nodeRuntime, (line) => lines.push(line));
  expect(lines).toHaveLength(6);
  expect(Math.min(...units)).toBeLessThan(32);
  expect(describeModel(readModel(bytes)).layers.map((layer) => layer.units)).toEqual(units);
});

it('server answers which gesture it is, and says what it expects', async () => {
  const example: { gestureServer(): Promise<Server> } = await import(join(examples, 'server/server.mjs'));
  const server = await example.gestureServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const ask = (body: string) =>
    fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { method: 'POST', body });
  try {
    const found = await ask(JSON.stringify(Array.from({ length: 40 }, (_, t) => [Math.sin(t / 6), 0, 0.5])));
    expect(await found.json()).toEqual({ gesture: expect.any(Number), scores: Array(4).fill(expect.any(Number)) });
    for (const wrong of ['', '[]', '[[1,2]]', '[[1,2,"3"]]']) {
      const refused = await ask(wrong);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toEqual({ error: 'expected a JSON list of readings, 3 numbers each' });
    }
  } finally {
    server.close();
  }
});

it('pytorch: the model that its script exported is what the server has in small, and goes back as a module', async () => {
  const [large, small] = [
    await loadModel(join(examples, 'pytorch/model.onnx')),
    await loadModel(join(examples, 'server/model.onnx')),
  ];
  expect(describeModel(large).layers.map((layer) => layer.units)).toEqual([64, 64]);
  expect(describeModel(small).layers.map((layer) => layer.units)).toEqual([27, 28]);
  expect(describeModel(small).parameters / describeModel(large).parameters).toBeLessThan(0.2);
  expect(torchModule(small).source).toContain('self.rnn = nn.GRU(3, 27)');
  expect(torchModule(small).source).toMatch(/^def load\(/m);
});

it.each(['train.py', 'use.py'])('docs/start.md shows pytorch/%s', (name) => {
  expect(readFileSync(join(examples, '../docs/start.md'), 'utf8')).toContain(
    `\`\`\`python\n${read(`pytorch/${name}`)}\`\`\``,
  );
});

it('the README shows ten lines of examples/library', () => {
  expect(readFileSync(join(examples, '../README.md'), 'utf8')).toContain(
    `\`\`\`ts\n${read('library/finetune.ts')}\`\`\``,
  );
});
