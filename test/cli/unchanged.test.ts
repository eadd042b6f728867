import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, matmul, mul, squeeze, tanh } from '../../src/graph/ops.ts';
import type { Model } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { randomTensor } from '../support/graphs.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * A cut that removes nothing is no success: it is said, with what holds the units, and has an exit code of its own.
 */

let folder: string;
const at = (name: string) => join(folder, name);

const HIDDEN = 8;

/** x → LSTM → what `after` makes of its outputs [T, B, 8]; with `states`, h0 and c0 are inputs. */
function model(after: (y: Value, weight: Weight) => Value, { states = false } = {}): Model {
  const b = new GraphBuilder('held');
  const weight: Weight = (name, ...dims) => b.parameter(name, randomTensor(dims, dims.length + dims[0]!, 0.5));
  const x = b.input('x', 'float32', ['time', 'batch', 5]);
  const given = states ? ['h0', 'c0'].map((name) => b.input(name, 'float32', [1, 'batch', HIDDEN])) : [];
  const inputs = [x, weight('W', 1, 32, 5), weight('R', 1, 32, HIDDEN), undefined, undefined, ...given];
  const [y] = b.node('LSTM', inputs, { hidden_size: HIDDEN }, 1, '', 'lstm');
  b.output(after(squeeze(y!, [1]), weight), 'y');
  return modelOf(b.build());
}

type Weight = (name: string, ...dims: number[]) => Value;

const head = (y: Value, weight: Weight) => matmul(y, weight('V', HIDDEN, 4));

/** One step of a cell in primitive operators, its state in and out. */
function cell(): Model {
  const b = new GraphBuilder('cell');
  const [x, h] = [b.input('x', 'float32', ['batch', 5]), b.input('h', 'float32', ['batch', HIDDEN])];
  const next = tanh(mul(matmul(x, b.parameter('W', randomTensor([5, HIDDEN]))), h));
  b.output(next, 'hn');
  b.output(matmul(next, b.parameter('V', randomTensor([HIDDEN, 4]))), 'y');
  return modelOf(b.build());
}

beforeAll(async () => {
  folder = makeFolder();
  const normalized = (y: Value, weight: Weight) =>
    apply('LayerNormalization', [y, weight('S', HIDDEN), weight('T', HIDDEN)]);
  await saveModel(at('layernorm.onnx'), model(normalized));
  await saveModel(at('state-in-only.onnx'), model(head, { states: true }));
  await saveModel(at('cell.onnx'), cell());
  await saveModel(at('alive.onnx'), model(head));
  await saveModel(at('external.onnx'), model(head), { externalData: 'weights.bin' });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('shrink of a model that cannot lose a unit', () => {
  it.each([
    [
      'layernorm.onnx',
      ['--keep', '0.5'],
      /lstm: 8 of 8 units always stay: output 'y' holds them; .*leave that output away/,
    ],
    ['state-in-only.onnx', ['--keep', '0.5'], /LSTM 'lstm' with input 'h0', 'c0' holds them; .*--state 'h0=OUTPUT'/],
    [
      'cell.onnx',
      ['--keep', '0.5'],
      /no recurrent layers; if the model is one step of a cell.*--state 'h=hn'|--state 'h=hn'/,
    ],
    ['alive.onnx', [], /something reads every unit; --keep, --params/],
    ['alive.onnx', ['--below', '1e-6'], /no unit has a norm below 0.000001/],
    ['alive.onnx', ['--fix', 'lstm', '--keep', '0.5'], /lstm: 8 of 8 units always stay: --fix holds them/],
  ])('%s %j ends with exit code 3, names what holds them, and writes nothing', async (file, flags, reason) => {
    const { code, stdout, stderr } = await runCli(['shrink', file, '--out', 'none.onnx', ...flags], folder);
    expect(stderr).toMatch(/^error: nothing can be removed from \S+, and nothing was written: /m);
    expect(stderr).toMatch(reason);
    expect([code, stdout]).toEqual([3, '']);
    expect(existsSync(at('none.onnx'))).toBe(false);
  });

  it('says so in --json, too', async () => {
    const args = ['shrink', 'layernorm.onnx', '--out', 'none.onnx', '--keep', '0.5', '--json'];
    const { code, stdout } = await runCli(args, folder);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ written: false, out: null, problem: expect.stringContaining('nothing can be removed') },
      layers: [{ name: 'lstm', before: 8, after: 8 }],
      stayed: [expect.stringContaining("output 'y' holds them")],
    });
  });

  it('inspect names the same', async () => {
    const { stdout } = await runCli(['inspect', 'layernorm.onnx'], folder);
    expect(stdout).toMatch(/lstm: 8 of 8 units always stay: output 'y' holds them/);
    const { layers } = await runJson<{ layers: { keptBy: { cause: string; units: number }[] }[] }>(
      ['inspect', 'layernorm.onnx'],
      folder,
    );
    expect(layers[0]!.keptBy.map(({ cause }) => cause)).toEqual(["output 'y'"]);
  });
});

it('the table counts all files of a model, and the written one', async () => {
  type Cut = { written: boolean; bytes: { before: number; after: number }; layers: { after: number }[] };
  const cut = await runJson<Cut>(['shrink', 'external.onnx', '--out', 'half.onnx', '--keep', '0.5'], folder);
  const size = (name: string) => statSync(at(name)).size;
  expect(cut.written).toBe(true);
  expect(cut.bytes).toEqual({ before: size('external.onnx') + size('weights.bin'), after: size('half.onnx') });
  expect(cut.layers.map((l) => l.after)).toEqual([4]);
});
