import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { matmul } from '../../src/graph/ops.ts';
import { sparseOf } from '../../src/graph/sparseTensor.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { testModel } from '../support/models.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runAlone, runCli, runJson, snapshot, strongIss, tiny, writeCorpus } from '../support/runCli.ts';

/*
 * `quantize` as a user types it.
 */

let folder: string;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = makeFolder();
  const layers = [{ hidden: 24, direction: 'forward' }] as const;
  const model = testModel({ vocabulary: 60, embedding: 16, layers });
  await saveModel(at('model.onnx'), model);
  await saveModel(at('unnamed.onnx'), { ...model, metadata: {} });
  await saveModel(at('sparse.onnx'), sparseModel());
  await saveModel(at('tiny.onnx'), testModel({ vocabulary: 3, embedding: 2, layers: [{ ...layers[0], hidden: 2 }] }));
  const tokens: Tensor = { elementType: 'int32', dims: [9, 2], data: Int32Array.from({ length: 18 }, (_, i) => 3 * i) };
  await saveArrays(at('texts.npz'), new Map([['tokens', tokens]]));
  await saveArrays(at('windows.npz'), new Map([['tokens', { ...tokens, dims: [3, 3, 2] }]]));
});

/** A product with a matrix that is nearly zero, and stored so. */
function sparseModel(): Model {
  const b = new GraphBuilder('sparse');
  const data = Float32Array.from({ length: 1024 }, (_, i) => (i % 33 === 0 ? 1 : 0));
  const weight: Tensor = { elementType: 'float32', dims: [32, 32], data };
  b.output(matmul(b.input('x', 'float32', ['batch', 32]), b.parameter('w', weight)), 'y');
  const graph = b.build();
  return modelOf({ ...graph, initializers: new Map([['w', sparseOf(weight)]]) });
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('writes a smaller file, and says what became of the weights and how near it is', async () => {
  const args = ['quantize', 'model.onnx', '--no-latency', '--out', 'small.onnx'];
  const { code, stdout, stderr } = await runAlone(args, folder);
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

it('carries states that the metadata does not name over consecutive windows', async () => {
  const flags = ['--inputs', 'windows.npz', '--no-latency', '--force', '--out', 'carried.onnx'];
  const [named, unnamed] = await Promise.all(
    ['model.onnx', 'unnamed.onnx'].map((file, i) =>
      runJson<object>(['quantize', file, ...flags.with(-1, `carried${i}.onnx`)], folder),
    ),
  );
  expect(named).toMatchObject({ written: true, verify: { batches: 3 } });
  expect(unnamed).toMatchObject({ verify: (named as { verify: object }).verify });
});

it.each([
  ['tiny.onnx', /^the model has no large float32 weight to store as fp16$/],
  ['sparse.onnx', /^sparse\.onnx would not get smaller: \d+ bytes before, 2 \d+ after; nothing was written$/],
])('says as JSON, too, why nothing is written for %s', async (file, problem) => {
  const before = snapshot(folder);
  const { code, stdout } = await runCli(['quantize', file, '--to', 'fp16', '--out', 'no.onnx', '--json'], folder);
  expect(code).toBe(3);
  const unchanged = { written: false, out: null, problem: expect.stringMatching(problem) };
  expect(JSON.parse(stdout)).toEqual({ model: file, to: 'fp16', ...unchanged });
  expect(snapshot(folder)).toEqual(before);
});

it('rounds activations on ranges that calibration data have', async () => {
  const to = ['--to', 'qdq', '--activations', 'int8'];
  const flags = [...to, '--inputs', 'windows.npz', '--no-latency', '--out', 'static.onnx'];
  const { code, stdout, stderr } = await runCli(['quantize', 'model.onnx', ...flags], folder);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/^measuring ranges of activations on 3 windows$/m);
  expect(stdout).toMatch(/^multiplied as int8 \(7 bits\): head\.weight$/m);
  expect(stdout).toMatch(/^stored as int8, computed in float32: lstm_0\.weight, lstm_0\.recurrent$/m);
  const { graph } = await loadModel(at('static.onnx'));
  expect(graph.nodes.map(({ op }) => op)).toContain('QuantizeLinear');
  await expectRefused(folder, ['quantize', 'model.onnx', ...to, '--out', 'no.onnx'], /calibration data with --inputs/);
});

it('refuses flags that do not go together', async () => {
  const args = ['quantize', 'model.onnx', '--to', 'fp16', '--bits', '8', '--out', 'no.onnx'];
  await expectRefused(folder, args, /--bits goes with --to int8 and qdq/);
  const activations = ['quantize', 'model.onnx', '--activations', 'int8', '--out', 'no.onnx'];
  await expectRefused(folder, activations, /--activations goes with --to qdq/);
  const scored = ['quantize', 'model.onnx', '--score-bound', '0.01', '--out', 'no.onnx'];
  await expectRefused(folder, scored, /--score-bound goes with a run directory; model\.onnx is a file/);
});

describe('a run', () => {
  interface Scored {
    readonly model: string;
    readonly bound: null;
    readonly scores: { readonly on: string; readonly changes: readonly { before: number; after: number }[] };
  }
  let trained: RunResult;

  beforeAll(async () => {
    writeCorpus(at('text'));
    const flags = [...strongIss, '--epochs', '6'];
    trained = await runJson<RunResult>(['train', ...tiny, ...flags, '--data', 'text', '--out', 'run'], folder);
  });

  const quantized = (...flags: string[]) =>
    runJson<Scored>(['quantize', 'run', '--to', 'int8-storage', '--no-latency', ...flags], folder);

  it('is judged by the score of its task, of the slim model unless another is asked for', async () => {
    const [slim, model] = [
      await quantized('--out', 'slim8.onnx', '--score-bound', '0.05'),
      await quantized('--out', 'model8.onnx', '--model', 'model.onnx', '--score-bound', '0.05'),
    ];
    for (const [found, file] of [
      [slim, 'slim.onnx'],
      [model, 'model.onnx'],
    ] as const) {
      const { scores } = trained.models.find((own) => own.file === file)!;
      expect(found).toMatchObject({ model: join('run', file), bound: null, inputs: 'samples of text' });
      expect(found.scores.changes[0]!.before).toBeCloseTo(scores.valid!.perplexity!, 3);
    }
  });

  it('tells both scores, and calibrates on its own data', async () => {
    const flags = ['--to', 'qdq', '--score-bound', '0.05', '--no-latency', '--out', 'static-run.onnx'];
    const { stdout, stderr } = await runCli(['quantize', 'run', ...flags], folder);
    expect(stderr).toMatch(/^scoring both models on \d+ validation tokens of text$/m);
    expect(stdout).toMatch(/^scores on \d+ validation tokens of text:$/m);
    expect(stdout).toMatch(/^ {2}perplexity [\d.]+ → [\d.]+ \([+−][\d.e-]+ %; accepted: 5 % worse\)$/m);
    expect(stdout).toMatch(/^outputs against those of run.slim\.onnx, on samples of text:$/m);
  });

  it('whose score gets worse by more than the bound is not written', async () => {
    // A column that no layer reads fills the range of every row, so that nothing else is left of the rows.
    const model = await loadModel(at('run/model.onnx'));
    const initializers = new Map(model.graph.initializers);
    const filled = (name: string, value: number) => {
      const { elementType, dims, data } = initializers.get(name)!;
      const size = dims.at(-1)!;
      initializers.set(name, { elementType, dims, data: (data as Float32Array).map((x, i) => (i % size ? x : value)) });
    };
    filled('embedding', 1e5);
    filled('lstm_0.weight', 0);
    await saveModel(at('run/model.onnx'), { ...model, graph: { ...model.graph, initializers } });
    const before = snapshot(folder);
    const args = ['quantize', 'run', '--model', 'model.onnx', '--to', 'int8-storage', '--out', 'no.onnx'];
    const { code, stderr } = await runCli(args, folder);
    const refusal =
      /^error: refused: on the validation data perplexity goes from [\d.]+ to [\d.]+, which is [\d.]+ % worse; the bound is 0\.5 %; --score-bound permits more$/m;
    expect([code, stderr]).toEqual([1, expect.stringMatching(refusal)]);
    expect(snapshot(folder)).toEqual(before);
  });

  it('refuses what cannot be meant', async () => {
    const args = ['quantize', 'run', '--out', 'no.onnx'];
    await expectRefused(folder, [...args, '--seed', '2'], /--seed goes with an ONNX file/);
    await expectRefused(folder, [...args, '--size', 'batch=2'], /--size goes with an ONNX file/);
    await expectRefused(folder, [...args, '--data', 'nowhere'], /nowhere does not exist/);
    await expectRefused(folder, ['quantize', 'text', '--out', 'no.onnx'], /text.config\.json/);
    await expectRefused(folder, ['quantize', 'run', '--force', '--out', 'run/slim.onnx'], /must be another file/);
  });
});
