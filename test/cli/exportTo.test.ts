import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadArrays } from '../../src/data/arrays.ts';
import { makeFolder, runAlone, runCli, runJson } from '../support/runCli.ts';

/*
 * `export --to`, as a user types it.
 */

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const golden = join(fixtures, 'export/lstm-embedding');
let folder: string;

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('writes source and weights into a new folder, and replaces neither', async () => {
  const args = ['export', join(golden, 'model.onnx'), '--to', 'pytorch', '--out', 'tagger'];
  const result = await runJson<{ layers: unknown[] }>(args, folder, runAlone);
  expect(result.layers[0]).toEqual({ name: 'embedding', made: 'nn.Embedding(9, 4)' });
  for (const file of ['model.py', 'model.safetensors']) {
    expect(readFileSync(join(folder, 'tagger', file))).toEqual(readFileSync(join(golden, file)));
  }
  const again = await runCli(args, folder);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('model.py exists; add --force')]);
});

it('writes the same model for Keras', async () => {
  await runJson(['export', join(golden, 'model.onnx'), '--to', 'keras', '--out', 'keras-tagger'], folder);
  expect(readdirSync(join(folder, 'keras-tagger')).sort()).toEqual(['model.npz', 'model.py']);
  const source = readFileSync(join(folder, 'keras-tagger/model.py'), 'utf8');
  expect(source).toBe(readFileSync(join(golden, 'keras/model.py'), 'utf8'));
  const weights = await loadArrays(join(folder, 'keras-tagger/model.npz'));
  expect(weights).toEqual(await loadArrays(join(golden, 'keras/model.npz')));
});

it('writes nothing for an operator that PyTorch has no form for here, nor for a framework that nobody knows', async () => {
  const refused = (...args: string[]) => runCli(['export', ...args, '--out', 'none'], folder);
  const [loop, jax] = await Promise.all([
    refused(join(fixtures, 'models/torch/loop.old.onnx'), '--to', 'pytorch'),
    refused(join(golden, 'model.onnx'), '--to', 'jax'),
  ]);
  expect([loop.code, loop.stderr]).toEqual([
    1,
    expect.stringMatching(/^error: Loop '\/Loop' has no form in PyTorch here/),
  ]);
  expect([jax.code, jax.stderr]).toEqual([2, expect.stringContaining("--to takes pytorch or keras, got 'jax'")]);
  expect(readdirSync(folder)).not.toContain('none');
});
