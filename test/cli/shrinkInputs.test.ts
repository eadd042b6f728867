import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../src/base/random.ts';
import { saveArrays } from '../../src/data/arrays.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { relu } from '../../src/graph/ops.ts';
import { saveModel } from '../../src/onnx/file.ts';
import { testModel } from '../support/models.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';

/*
 * `shrink --keep … --inputs` makes up for what it removes, as the inputs show how.
 */

let folder: string;

interface Figures {
  meanRelativeDifference: number;
}

interface Result {
  ranking?: string;
  verify: Figures & { batches: number };
  compensation?: {
    kind: string;
    compensated: number;
    left: number;
    isHeldOut: boolean;
    without: Figures;
    with: Figures;
    differences: Record<string, Figures>;
  };
}

const cut = ['shrink', 'model.onnx', '--out', 'out.onnx', '--force', '--keep', '0.5'];

beforeAll(async () => {
  folder = makeFolder();
  const model = testModel({
    vocabulary: 9,
    embedding: 4,
    layers: [
      { hidden: 8, direction: 'bidirectional' },
      { hidden: 6, direction: 'forward' },
    ],
  });
  const { graph } = model;
  const bias = graph.initializers.get('lstm_0.bias')!;
  const data = Float32Array.from(bias.data as Float32Array, (v) => v + 0.4);
  const initializers = new Map(graph.initializers).set('lstm_0.bias', { ...bias, data });
  await saveModel(join(folder, 'model.onnx'), { ...model, graph: { ...graph, initializers } });
  const random = randomStream(3);
  const ids = Int32Array.from({ length: 20 * 16 }, () => Math.floor(9 * random()));
  const save = (name: string, dims: readonly number[]) =>
    saveArrays(join(folder, name), new Map([['tokens', { elementType: 'int32', dims, data: ids }]]));
  await save('tokens.npz', [20, 16]);
  await save('windows.npz', [4, 20, 4]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('shrink --inputs', () => {
  it('compensates a cut, and says what that gained on inputs that it did not use', async () => {
    const { ranking, verify, compensation } = await runJson<Result>([...cut, '--inputs', 'tokens.npz'], folder);
    expect(ranking).toBe('activity');
    expect(compensation).toMatchObject({ left: 0, isHeldOut: true });
    expect(compensation!.with.meanRelativeDifference).toBeLessThan(compensation!.without.meanRelativeDifference);
    expect(compensation!.differences[compensation!.kind]).toEqual(compensation!.with);
    expect(compensation!.differences.none).toEqual(compensation!.without);
    expect(verify).toEqual(compensation!.with);
  });

  it('takes arrays with an axis in front as consecutive windows, and holds the last out', async () => {
    const { stdout, stderr, code } = await runCli([...cut, '--rank', 'norm', '--inputs', 'windows.npz'], folder);
    expect(code).toBe(0);
    expect(stderr).toContain('measuring what the units do on the inputs');
    expect(stdout).toContain('on the held-out part of windows.npz:');
    expect(stdout).toMatch(/compensated by (means|least squares) in \d+ products: [\d.]+ %, without it [\d.]+ %/);
  });

  it('ranks units by derivatives of the outputs', async () => {
    const taylor = await runJson<Result>([...cut, '--rank', 'taylor', '--inputs', 'windows.npz'], folder);
    expect(taylor).toMatchObject({ ranking: 'taylor', compensation: { isHeldOut: true } });
    expect(taylor.verify).toEqual(taylor.compensation!.with);
    const none = await runCli([...cut, '--rank', 'taylor'], folder);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('--rank taylor looks at what units do on inputs; give some (--inputs FILE)');
  });

  it('refuses an input with a value that is no number, and --no-compensate without inputs', async () => {
    const bad = { elementType: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, Number.NaN, 3) } as const;
    await saveArrays(join(folder, 'bad.npz'), new Map([['x', bad]]));
    const b = new GraphBuilder('dense');
    b.output(relu(b.input('x', 'float32', ['batch', 2])), 'y');
    await saveModel(join(folder, 'dense.onnx'), modelOf(b.build()));
    const shrink = ['shrink', 'dense.onnx', '--out', 'no.onnx', '--keep', '0.5'];
    const given = await runCli([...shrink, '--inputs', 'bad.npz'], folder);
    expect(given.code).toBe(2);
    expect(given.stderr).toContain("array 'x' of bad.npz has the value NaN at position 2");
    expect((await runCli([...shrink, '--no-compensate'], folder)).code).toBe(2);
  });

  it('leaves weights as they are with --no-compensate, and compares on all inputs', async () => {
    const plain = await runJson<Result>(
      [...cut, '--no-compensate', '--rank', 'norm', '--inputs', 'windows.npz'],
      folder,
    );
    expect(plain.compensation).toBeUndefined();
    expect(plain.verify.batches).toBe(4);
    const lossless = await runJson<Result>(cut, folder);
    expect(lossless.compensation).toBeUndefined();
    expect(lossless.ranking).toBeUndefined();
  });
});
