import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import type { Tensor } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { testModel } from '../support/models.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson, snapshot } from '../support/runCli.ts';

/*
 * `quantize` as a user types it.
 */

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = makeFolder();
  const layers = [{ hidden: 24, direction: 'forward' }] as const;
  await saveModel(at('model.onnx'), testModel({ vocabulary: 60, embedding: 16, layers }));
  await saveModel(at('tiny.onnx'), testModel({ vocabulary: 3, embedding: 2, layers: [{ ...layers[0], hidden: 2 }] }));
  const tokens: Tensor = { elementType: 'int32', dims: [9, 2], data: Int32Array.from({ length: 18 }, (_, i) => 3 * i) };
  await saveArrays(at('texts.npz'), new Map([['tokens', tokens]]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('writes a smaller file, and says what became of the weights and how near it is', async () => {
  const args = ['quantize', 'model.onnx', '--no-latency', '--out', 'small.onnx'];
  const { code, stdout, stderr } = await runCli(args, folder);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^looked up as int8 rows: embedding$/m);
  expect(stdout).toMatch(/^multiplied as int8 \(7 bits\): lstm_0\.weight, lstm_0\.recurrent, head\.weight$/m);
  expect(stdout).toMatch(/^ file +\d+ kB +\d+ kB +[23]\.\d\d×/m);
  expect(stdout).toMatch(/largest +[\d.]+, [\d.]+ % relative in '\S+' \(accepted: 5 %\)\nwritten to small\.onnx/);
  const { graph } = await loadModel(at('small.onnx'));
  expect(graph.nodes.map(({ op }) => op)).toContain('DynamicQuantizeLSTM');

  await expectRefused(folder, ['quantize', 'model.onnx', '--out', 'small.onnx'], /small\.onnx exists; add --force/);
  const again = await runCli(['quantize', 'small.onnx', '--out', 'smaller.onnx'], folder);
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/^error: the model is quantized already/)]);
});

it('stores weights otherwise, compares on given arrays, and prints JSON', async () => {
  const flags = ['--inputs', 'texts.npz', '--no-latency', '--force', '--out', 'stored.onnx'];
  const to = 'int8-storage';
  const result = await runJson<object>(['quantize', 'model.onnx', '--to', to, ...flags], folder);
  expect(result).toMatchObject({ to, inputs: 'texts.npz', kept: [], latencies: [], verify: { batches: 1 } });
  expect(result).not.toHaveProperty('bits');
});

it('writes nothing where outputs are further apart than the bound, or no weight is large', async () => {
  const before = snapshot(folder);
  const [far, tiny] = await Promise.all([
    runCli(['quantize', 'model.onnx', '--bound', '1e-6', '--out', 'no.onnx'], folder),
    runCli(['quantize', 'tiny.onnx', '--out', 'no.onnx'], folder),
  ]);
  const refusal = /error: refused: outputs are off by up to [\d.]+ % \(relative\), in '\S+'; the bound is 0\.0001 %/;
  expect([far.code, far.stderr]).toEqual([1, expect.stringMatching(refusal)]);
  expect([tiny.code, tiny.stderr]).toEqual([3, expect.stringContaining('no large float32 weight to store as int8')]);
  expect(snapshot(folder)).toEqual(before);
});

it('refuses flags that do not go together', async () => {
  const args = ['quantize', 'model.onnx', '--to', 'fp16', '--bits', '8', '--out', 'no.onnx'];
  await expectRefused(folder, args, /--bits goes with --to int8/);
});
