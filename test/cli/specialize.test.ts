import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { int64s } from '../../src/graph/attributes.ts';
import type { ModelSummary } from '../../src/inspect/describe.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { nodeRuntime } from '../../src/runtime/node.ts';
import { assertEqual } from '../../src/verify/verify.ts';
import { detectorModel } from '../support/detector.ts';
import { randomTensor } from '../support/graphs.ts';
import { makeFolder, runAlone, runCli, runJson, snapshot } from '../support/runCli.ts';

/*
 * `specialize`, and `--set` and `--size` of other commands, as a user types them.
 */

let folder: string;
const at = (name: string) => join(folder, name);
const fixed = ['--set', 'rate=16000', '--size', 'samples=8'];

interface Result {
  nodes: { before: number; after: number };
  decided: { name: string; branch: string }[];
  undecided: number;
  removedInputs: string[];
  inputs: { name: string; type: { shape: unknown[] } }[];
  bytes: { before: number; after: number };
}

beforeAll(async () => {
  folder = makeFolder();
  await saveModel(at('detector.onnx'), detectorModel({ dead: [1, 4] }));
  const frames = randomTensor([6, 8], 7);
  await saveArrays(
    at('d.npz'),
    new Map([
      ['input', frames],
      ['t', randomTensor([6, 1], 8)],
    ]),
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('specialize', () => {
  it('decides what follows, drops inputs that have a value, and verifies', async () => {
    const args = ['specialize', 'detector.onnx', ...fixed, '--out', 'flat.onnx'];
    const result = await runJson<Result>(args, folder);
    expect(result.decided.map((d) => d.branch)).toEqual(['then_branch', 'then_branch']);
    expect(result).toMatchObject({ undecided: 0, removedInputs: ['rate'] });
    expect(result.nodes.after).toBeLessThan(result.nodes.before / 2);
    expect(result.bytes.after).toBeLessThan(result.bytes.before);
    expect(result.inputs.map(({ name, type }) => `${name} ${type.shape}`)).toEqual([
      'input batch,8',
      'state 2,batch,6',
    ]);
    const { graph } = await loadModel(at('flat.onnx'));
    expect(graph.nodes.filter((n) => n.op === 'LSTM')).toHaveLength(1);
    expect(graph.nodes.some((n) => ['If', 'Slice', 'Identity', 'Add', 'Shape'].includes(n.op))).toBe(false);
    expect(graph.outputs.map(({ type }) => type.shape)).toEqual([
      ['batch', 1],
      [2, 'batch', 6],
    ]);
    const again = await runCli(args, folder);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('flat.onnx exists; add --force')]);
    const text = await runAlone([...args, '--force'], folder);
    expect(text.stdout).toMatch(/decided: If 'If_0' takes its then branch/);
    expect(text.stdout).toMatch(/input {2}rate is gone/);
    expect(text.stdout).toMatch(/written to flat.onnx/);
  });

  it('says what it could not decide, and compares on arrays from a file', async () => {
    const flags = ['--size', 'batch=2', '--set', 'state=0', '--out', 'some.onnx'];
    await saveArrays(
      at('long.npz'),
      new Map([
        ['input', randomTensor([2, 24], 7)],
        ['rate', int64s([], [16000])],
      ]),
    );
    const { stdout, code } = await runCli(['specialize', 'detector.onnx', ...flags, '--inputs', 'long.npz'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/2 If left: their conditions depend on the inputs/);
    expect(stdout).toMatch(/verified on long.npz/);
  });

  it.each([
    [['--set', 'rat=1'], /no input 'rat' \(did you mean 'rate'\?\)/],
    [['--set', 'rate=1.5'], /--set rate has the value 1.5/],
    [['--size', 'sample=8'], /no free dimension 'sample' \(did you mean 'samples'\?\)/],
    [['--size', 'state.0=3'], /the model fixes it at 2/],
  ])('refuses %s in one line, and writes nothing', async (flags, message) => {
    const before = snapshot(folder);
    const { code, stderr } = await runCli(['specialize', 'detector.onnx', ...flags, '--out', 'no.onnx'], folder);
    expect([code, stderr.trim().split('\n').length]).toEqual([2, 1]);
    expect(stderr).toMatch(message);
    expect(snapshot(folder)).toEqual(before);
  });
});

describe('--set and --size', () => {
  it('of inspect and shrink find the layer, and the written file is the model for them', async () => {
    const summary = await runJson<ModelSummary>(['inspect', 'detector.onnx', ...fixed], folder);
    expect(summary.layers.map(({ units, removable }) => [units, removable])).toEqual([[6, 2]]);
    const { stdout, code } = await runCli(['shrink', 'detector.onnx', ...fixed, '--out', 'slim.onnx'], folder);
    expect(code).toBe(0);
    const plain = await runCli(['inspect', 'detector.onnx'], folder);
    expect(plain.stdout).toMatch(/If 'If_0' and 1 more: decided by the sizes of inputs, .*--size samples=NUMBER/);
    expect(stdout).toMatch(/written to slim.onnx, the model for rate=16000, samples=8 alone/);
    const { graph } = await loadModel(at('slim.onnx'));
    expect(graph.inputs.map(({ name, type }) => `${name} ${type.shape}`)).toEqual(['input batch,8', 'state 2,batch,4']);
  });

  it('of finetune train the model for them, and a run goes on with them', async () => {
    const train = ['--data', 'd.npz', '--loss', 'mse', '--target-array', 't=score', '--epochs', '2', '--threads', '1'];
    const { code, stderr } = await runCli(['finetune', 'detector.onnx', ...fixed, ...train, '--out', 'run'], folder);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(readFileSync(at('run/config.json'), 'utf8'))).toMatchObject({
      task: { set: { rate: '16000' }, size: { samples: 8 } },
    });
    const resumed = await runCli(['finetune', 'run', '--resume', '--threads', '1'], folder);
    expect({ code: resumed.code, stderr: resumed.code === 0 ? '' : resumed.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('of bench give a value to every model that has the input', async () => {
    const bench = ['bench', 'detector.onnx', 'flat.onnx', ...fixed, '--batch', '1', '--rounds', '1', '--threads', '1'];
    expect((await runCli(bench, folder)).code).toBe(0);
    const wrong = await runCli(['bench', 'flat.onnx', '--set', 'rate=1', '--rounds', '1'], folder);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("no input 'rate'")]);
  });
});

describe('published models', () => {
  const models = fileURLToPath(new URL('../../../shared/models', import.meta.url));
  const has = existsSync(models);

  it.skipIf(!has)('silero_vad_16k_op15 becomes a flat graph with one LSTM, which is cut by half', async () => {
    const path = join(models, 'silero_vad_16k_op15.onnx');
    const flags = ['--set', 'sr=16000', '--size', 'sequence=576'];
    const result = await runJson<Result>(['specialize', path, ...flags, '--out', 'vad.onnx'], folder);
    expect(result).toMatchObject({ undecided: 0, removedInputs: ['sr'], nodes: { before: 190, after: 36 } });
    const { graph } = await loadModel(at('vad.onnx'));
    expect(graph.nodes.filter((n) => n.op === 'LSTM')).toHaveLength(1);
    expect(result.bytes.after).toBeLessThanOrEqual(result.bytes.before);
    const half = ['shrink', path, ...flags, '--keep', '0.5', '--out', 'half.onnx'];
    const cut = await runJson<{ layers: object[]; bytes: Result['bytes'] }>(half, folder);
    expect(cut.layers).toMatchObject([{ before: 128, after: 64 }]);
    expect(cut.bytes.after).toBeLessThan(cut.bytes.before);
  });

  it.skipIf(!has)('silero_vad_op18_ifless keeps one of the two rates', async () => {
    const path = join(models, 'silero_vad_op18_ifless.onnx');
    const flags = ['--set', 'sr=16000', '--size', 'sequence=576', '--size', 'batch=1'];
    const result = await runJson<Result>(['specialize', path, ...flags, '--out', 'rate.onnx'], folder);
    expect(result).toMatchObject({ undecided: 0, decided: [{ branch: 'then_branch' }] });
    expect(result.bytes.after).toBeLessThan(0.6 * result.bytes.before);
  });

  it.skipIf(!has).each(['dtln_model_2', 'gtcrn_simple', 'ulunas_simple'])('%s computes the same', async (name) => {
    const path = join(models, `${name}.onnx`);
    await runJson<Result>(['specialize', path, '--out', `${name}.onnx`], folder);
    await assertEqual(nodeRuntime, await loadModel(path), await loadModel(at(`${name}.onnx`)));
  });
});
