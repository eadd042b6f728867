import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

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
  const result = await runJson<{ layers: unknown[] }>(args, folder);
  expect(result.layers[0]).toEqual({ name: 'embedding', made: 'nn.Embedding(9, 4)' });
  for (const file of ['model.py', 'model.safetensors']) {
    expect(readFileSync(join(folder, 'tagger', file))).toEqual(readFileSync(join(golden, file)));
  }
  const again = await runCli(args, folder);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('model.py exists; add --force')]);
});

it('writes nothing for an operator that PyTorch has no form for here', async () => {
  const loop = join(fixtures, 'models/torch/loop.old.onnx');
  const { code, stderr } = await runCli(['export', loop, '--to', 'pytorch', '--out', 'loop'], folder);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: Loop '\/Loop' has no form in PyTorch here/)]);
  expect(readdirSync(folder)).not.toContain('loop');
});

it('takes frameworks that it knows', async () => {
  const args = ['export', join(golden, 'model.onnx'), '--out', 'other', '--to', 'jax'];
  const { code, stderr } = await runCli(args, folder);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--to takes pytorch, got 'jax'")]);
});
