import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { floats, int64s } from '../../src/graph/attributes.ts';
import type { Node } from '../../src/graph/types.ts';
import { traceModel } from '../../src/groups/traceModel.ts';
import { costsOf } from '../../src/inspect/costs.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { testModel, zeroSlices } from '../support/models.ts';
import { makeFolder, runCli, runJson, snapshot } from '../support/runCli.ts';

/*
 * `shrink` cuts to size, on the user's own data, and refuses what cannot be meant without writing anything.
 */

let folder: string;
const at = (name: string) => join(folder, name);

interface Result {
  lossless: boolean;
  layers: { name: string; before: number; after: number }[];
  parameters: { before: number; after: number };
  multiplyAdds: { before: number; after: number };
  resized: { name: string; before: unknown[]; after: unknown[] }[];
  verify: { maxAbsDifference: number; maxRelativeDifference: number; meanAbsDifference: number; batches: number };
}

const shrink = (...flags: string[]) =>
  runJson<Result>(['shrink', 'model.onnx', '--out', 'out.onnx', '--force', ...flags], folder);

beforeAll(async () => {
  folder = makeFolder();
  const model = testModel({
    vocabulary: 9,
    embedding: 4,
    layers: [
      { hidden: 8, direction: 'forward' },
      { hidden: 6, direction: 'forward' },
    ],
  });
  const { groups } = traceModel(model);
  const graph = zeroSlices(model.graph, groups, new Set([2, 5, 9]), ['reads']);
  await saveModel(at('model.onnx'), { ...model, graph });
  const tokens = int64s([3, 2], [0, 1, 2, 3, 4, 8]);
  await saveArrays(
    at('tokens.npz'),
    new Map([
      ['tokens', tokens],
      ['targets', tokens],
    ]),
  );
  await saveArrays(at('named.safetensors'), new Map([['token', tokens]]));
  await saveArrays(at('shape.npz'), new Map([['tokens', int64s([3], [0, 1, 2])]]));
  await saveArrays(at('reals.npz'), new Map([['tokens', floats([1, 2], [0.5, 1])]]));
  const nodes = graph.nodes.flatMap((n): Node[] => {
    const [x, ...rest] = n.inputs;
    const unknown: Node = {
      op: 'Mystery',
      domain: 'com.example',
      name: 'what',
      inputs: [x!],
      outputs: ['m'],
      attributes: {},
    };
    return n.name === 'lstm_1' ? [unknown, { ...n, inputs: ['m', ...rest] }] : [n];
  });
  await saveModel(at('blocked.onnx'), { ...model, graph: { ...graph, nodes } });
  await saveArrays(at('range.npz'), new Map([['tokens', int64s([1, 1], [99])]]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('shrink', () => {
  it('without a target removes what nothing reads and is verified', async () => {
    const result = await shrink();
    expect(result).toMatchObject({
      lossless: true,
      layers: [
        { name: 'lstm_0', before: 8, after: 6 },
        { name: 'lstm_1', before: 6, after: 5 },
      ],
    });
    expect(result.verify.maxRelativeDifference).toBeLessThan(1e-5);
    expect(result.resized.map((v) => v.name)).toContain('lstm_0.h');
  });

  it.each<[string[], (after: number[], result: Result) => void]>([
    [['--keep', '0.5'], (after) => expect(after).toEqual([4, 3])],
    [['--units', 'lstm_0=2,lstm_1=4'], (after) => expect(after).toEqual([2, 4])],
    [['--units', '0=3'], (after) => expect(after).toEqual([3, 5])],
    [['--below', '1e9'], (after) => expect(after).toEqual([1, 1])],
    [['--params', '0.6'], (_, { parameters }) => expect(parameters.after).toBeLessThanOrEqual(0.6 * parameters.before)],
  ])('%s', async (flags, check) => {
    const result = await shrink(...flags);
    check(
      result.layers.map((l) => l.after),
      result,
    );
    expect(result.lossless).toBe(false);
    expect(result.verify.maxAbsDifference).toBeGreaterThan(0);
    expect(result.verify.meanAbsDifference).toBeLessThanOrEqual(result.verify.maxAbsDifference);
    const written = await loadModel(at('out.onnx'));
    expect(costsOf(written)).toEqual({ parameters: result.parameters.after, multiplyAdds: result.multiplyAdds.after });
    const sizes = written.graph.nodes.flatMap(({ attributes: { hidden_size: size } }) => (size ? [size.value] : []));
    expect(sizes).toEqual(result.layers.map((l) => l.after));
  });

  it('with --round keeps a multiple of units in each layer', async () => {
    const { layers, lossless } = await shrink('--round', '2');
    expect(lossless).toBe(true);
    expect(layers.map(({ after }) => after)).toEqual([6, 6]);
    expect((await shrink('--keep', '0.3', '--round', '4')).layers.map(({ after }) => after)).toEqual([4, 4]);
    const refusal = (...flags: string[]) =>
      runCli(['shrink', 'model.onnx', '--out', 'out.onnx', '--force', ...flags], folder);
    expect(await refusal('--round', '4')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('in multiples of 4 (--round) every layer keeps its units'),
    });
    expect(await refusal('--units', 'lstm_0=3', '--round', '4')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--units says exactly how many: leave out --round'),
    });
  });

  it('reports the difference in plain words', async () => {
    const { stdout, code } = await runCli(['shrink', 'model.onnx', '--out', 'plain.onnx', '--keep', '0.5'], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/outputs of the smaller model against those of model.onnx, on the same random inputs:/);
    expect(stdout).toMatch(/mean difference [\d.e-]+, [\d.e-]+ % relative/);
    expect(stdout).toMatch(/largest {9}[\d.e-]+, [\d.e-]+ % relative/);
    expect(stdout).toContain('inputs and outputs [1, batch, 8] → [1, batch, 4]: lstm_0.h, lstm_0.c');
  });

  it("compares on the user's own data, states from zero", async () => {
    const { stdout, stderr, code } = await runCli(
      ['shrink', 'model.onnx', '--out', 'data.onnx', '--inputs', 'tokens.npz'],
      folder,
    );
    expect(code).toBe(0);
    expect(stderr).toContain('arrays of tokens.npz that are no inputs of the model: targets');
    expect(stdout).toContain('verified on tokens.npz: outputs');
    expect((await shrink('--inputs', 'tokens.npz')).verify.batches).toBe(1);
  });

  it('keeps the units of a layer that --fix names', async () => {
    expect((await shrink('--fix', 'lstm_0')).layers.map((l) => l.after)).toEqual([8, 5]);
    const all = ['shrink', 'model.onnx', '--out', 'out.onnx', '--force', '--fix', 'lstm_0,lstm_1', '--keep', '0.5'];
    const { code, stderr } = await runCli(all, folder);
    expect(stderr).toMatch(/lstm_0: 8 of 8 units always stay: --fix holds them/);
    expect(code).toBe(3);
  });

  it('takes the streaming states that --state names instead of those in the file', async () => {
    const states = ['--state', 'lstm_1.h=lstm_1.h_next', '--state', 'lstm_1.c=lstm_1.c_next'];
    expect((await shrink(...states)).layers.map((l) => l.after)).toEqual([8, 5]);
  });
});

describe('shrink refuses', () => {
  it.each<[string[], RegExp]>([
    [['--keep', '0.5', '--params', '0.5'], /^error: --keep and --params exclude each other; give one of them$/],
    [['--below', '1', '--units', 'lstm_0=1'], /^error: --below and --units exclude each other/],
    [['--keep', '0'], /^error: --keep takes a fraction above 0 and up to 1, for example 0.5, got '0'$/],
    [['--keep', '1.5'], /got '1.5'/],
    [['--keep', 'half'], /got 'half'/],
    [['--params', ''], /^error: --params takes a fraction/],
    [
      ['--params', '1e-9'],
      /^error: the model cannot be cut to 1e-9 of its \d+ parameters.*smallest possible is --params 0\.\d+$/,
    ],
    [['--below', '-1'], /^error: --below takes a norm above 0/],
    [['--below', 'Infinity'], /^error: --below takes a norm above 0/],
    [['--units', 'lstm_0'], /^error: --units takes layers and whole numbers/],
    [['--units', 'lstm_0=2.5'], /^error: --units takes layers and whole numbers/],
    [['--units', 'lstm_0=0'], /^error: --units takes layers and whole numbers/],
    [['--units', 'lstm_0=2,lstm_0=3'], /^error: --units names 'lstm_0' twice$/],
    [['--units', 'lstm_0=9'], /^error: 'lstm_0' has 8 units; it cannot be cut to 9$/],
    [
      ['--units', 'lstm_7=2'],
      /^error: there is no layer 'lstm_7' \(did you mean 'lstm_\d'\?\); layers are 'lstm_0', 'lstm_1'$/,
    ],
    [['--units', 'lstm=2'], /^error: 'lstm' may mean any of 'lstm_0', 'lstm_1'; write more of the name$/],
    [['--fix', 'lstm_3'], /^error: there is no layer 'lstm_3'/],
    [['--state', 'lstm_0.h'], /^error: --state takes input=output, for example h_in=h_out, got 'lstm_0.h'$/],
    [['--state', 'lstm_0.g=lstm_0.h_next'], /^error: --state .*no input 'lstm_0.g' \(did you mean 'lstm_0.h'\?\)/],
    [
      ['--state', 'lstm_0.h=lstm_0.next'],
      /^error: --state .*no output 'lstm_0.next' \(did you mean 'lstm_0.\w_next'\?\)/,
    ],
    [['--inputs', 'none.npz'], /^error: cannot read none.npz/],
    [
      ['--inputs', 'named.safetensors'],
      /^error: named.safetensors has no array for input 'tokens' \(did you mean 'token'\?\)/,
    ],
    [
      ['--inputs', 'shape.npz'],
      /^error: array 'tokens' of shape.npz has dimensions \[3\]; the model declares \[time, batch\]$/,
    ],
    [
      ['--inputs', 'reals.npz'],
      /^error: array 'tokens' of reals.npz has the value 0.5 at position 0; the model wants int32/,
    ],
    [['--inputs', 'range.npz'], /^error: the model does not run on the given inputs \(tokens \[1,1\]/],
    [['--inputs', 'tokens.npz', '--seed', '2'], /^error: --seed makes random inputs and --inputs gives others/],
    [['--seed', '-1'], /^error: --seed takes a whole number, got '-1'$/],
  ])('%s', async (flags, message) => {
    const before = snapshot(folder);
    const { code, stdout, stderr } = await runCli(['shrink', 'model.onnx', '--out', 'refused.onnx', ...flags], folder);
    expect(code).toBe(flags.includes('range.npz') ? 1 : 2);
    expect(stdout).toBe('');
    const lines = stderr
      .trimEnd()
      .split('\n')
      .filter((line) => !line.startsWith('verifying'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(message);
    expect(snapshot(folder)).toEqual(before);
  });

  it('an operator that nobody knows, names the layers that it blocks, and goes on with --fix', async () => {
    const before = snapshot(folder);
    const refused = await runCli(['shrink', 'blocked.onnx', '--out', 'refused.onnx', '--keep', '0.5'], folder);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^error: [^\n]*'lstm_0'[^\n]*Mystery[^\n]*--fix 'lstm_0'[^\n]*\n$/);
    // The units of the other layer are found; but no engine runs this model.
    const fixed = await runCli(['shrink', 'blocked.onnx', '--out', 'refused.onnx', '--fix', 'lstm_0'], folder);
    expect(fixed.code).toBe(1);
    expect(fixed.stderr).toMatch(/Mystery/);
    expect(fixed.stderr).not.toMatch(/--fix/);
    const shown = await runCli(['inspect', 'blocked.onnx'], folder);
    expect(shown.stdout).toMatch(/lstm_0: blocked by [^\n]*Mystery[^\n]*--fix 'lstm_0'/);
    expect(snapshot(folder)).toEqual(before);
  });
});
