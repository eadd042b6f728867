import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floats, int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, equal, matmul, mul, reduceSum, squeeze } from '../../src/graph/ops.ts';
import type { Dim, Model } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { choose } from '../support/branches.ts';
import { inHalf, lstmModel } from '../support/engineFaults.ts';
import { randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli } from '../support/runCli.ts';

/*
 * What the engine itself does wrong, or would do for hours.
 */

let folder: string;

beforeAll(() => {
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function saved(name: string, model: Model): Promise<string> {
  await saveModel(join(folder, name), model);
  return name;
}

/** The commands that run one model. */
const runs: Readonly<Record<string, (model: string) => readonly string[]>> = {
  shrink: (model) => ['shrink', model, '--out', 'slim.onnx', '--force'],
  bench: (model) => ['bench', model, '--batch', '2', '--rounds', '1', '--threads', '1'],
  export: (model) => ['export', model, '--streaming', '--out', 'stream.onnx', '--force'],
};

describe('half precision', () => {
  it.each(Object.keys(runs))('%s runs it', async (command) => {
    const model = await saved('half.onnx', inHalf(lstmModel(['b', 't', 3], { batchFirst: true, dead: 2 })));
    const { code, signal, stderr } = await runCli(runs[command]!(model), folder);
    expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
  });
});

describe('declared sizes that cannot be', () => {
  const shapes: [string, Dim[], string][] = [
    ['no sequences', ['t', 0, 3], "input 'x' declares 0 for axis 1 ([t, 0, 3])"],
    ['no steps', [0, 'b', 3], "input 'x' declares 0 for axis 0 ([0, b, 3])"],
    ['2^31 sequences', ['t', 2 ** 31, 3], "the model declares [t, 2147483648, 3] for input 'x', which is too much"],
  ];
  const cases = shapes.flatMap((shape) => Object.keys(runs).map((command) => [command, ...shape] as const));
  it.each(cases)('%s refuses %s', async (command, _, shape, message) => {
    const model = await saved('sizes.onnx', lstmModel(shape, { dead: 1 }));
    // What a model fixes itself is not asked for by --batch.
    const isOther = command === 'bench' && shape[1] === 2 ** 31;
    await expectRefused(folder, runs[command]!(model), isOther ? 'sizes.onnx fixes its batch at 2147483648' : message);
  });

  it('are shown by inspect', async () => {
    const model = await saved('sizes.onnx', lstmModel(['t', 0, 3]));
    expect((await runCli(['inspect', model], folder)).code).toBe(0);
  });
});

describe('branches', () => {
  /** The units come out at one rate only; nothing reads them at others. */
  const atOneRate = (condition: (b: GraphBuilder) => Value): Model => {
    const b = new GraphBuilder('rates');
    const x = b.input('x', 'float32', ['t', 1, 3]);
    const recurrent = randomTensor([1, 16, 4], 2);
    const unread = (recurrent.data as Float32Array).map((v, i) => (i % 4 === 3 ? 0 : v));
    const weights = [b.parameter('W', randomTensor([1, 16, 3], 1)), b.parameter('R', { ...recurrent, data: unread })];
    const [, h] = b.node('LSTM', [x, ...weights], { hidden_size: 4 }, ['all', 'h'], '', 'lstm');
    // The last unit leads nowhere, so that there is something to remove.
    const reader = floats([4, 4], [1, 2, 3, 4, 2, 3, 4, 1, 3, 4, 1, 2, 0, 0, 0, 0]);
    const flat = matmul(squeeze(h!, [0]), b.parameter('P', reader));
    const chosen = choose(
      condition(b),
      (then) => then.node('Squeeze', [then.value(flat.name), then.ints([0])])[0]!,
      (other) => mul(other.value(flat.name), other.float(0)),
      'rate',
    );
    b.output(reduceSum(chosen, [-1]), 'y');
    return modelOf(b.build());
  };

  it('are verified, each of them', async () => {
    const model = await saved(
      'rates.onnx',
      atOneRate((b) => equal(b.input('rate', 'int64', []), b.constant(int64s([], [16_000])))),
    );
    const { code, stderr } = await runCli(['shrink', model, '--out', 'rates.slim.onnx'], folder);
    const written = existsSync(join(folder, 'rates.slim.onnx')) && (await loadModel(join(folder, 'rates.slim.onnx')));
    // Either no unit but the last goes, or the cut is refused; one that is wrong at 16 000 is never written.
    if (written) expect(written.graph.initializers.get('R')!.dims).toEqual([1, 12, 3]);
    else
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('refused: the outputs of the two') });
  });

  it('are refused when no input takes them, unless that is accepted', async () => {
    const rare = (b: GraphBuilder) => apply('Greater', [reduceSum(mul(b.value('x'), b.value('x'))), b.float(1e30)]);
    const model = await saved('rare.onnx', atOneRate(rare));
    const args = ['shrink', model, '--out', 'rare.slim.onnx'];
    const refused = await runCli(args, folder);
    expect(refused.stderr).toMatch(
      /^error: refused: the then_branch of If 'rate' was never taken.*--unverified-branches/m,
    );
    expect(refused.code).toBe(1);
    const accepted = await runCli([...args, '--unverified-branches'], folder);
    expect(accepted.code, accepted.stderr).toBe(0);
    expect(accepted.stdout).toContain("not verified: the then_branch of If 'rate', which no input took");
  });
});
