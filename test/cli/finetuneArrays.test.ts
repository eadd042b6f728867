import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { apply, matmul, squeeze } from '../../src/graph/ops.ts';
import type { Dim, Model } from '../../src/graph/types.ts';
import { saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/run.ts';
import { randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runJson } from '../support/runCli.ts';

/*
 * Fine-tuning on arrays as a user types it: what the graph shows of its axes, and what the reader made of a file.
 */

let folder: string;
const at = (name: string) => join(folder, name);
/** Trains as good as nothing, so that the loss is that of the model as it came. */
const still = ['--optimizer', 'sgd', '--learning-rate', '1e-9', '--epochs', '1', '--threads', '1'];

beforeAll(async () => {
  folder = makeFolder();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The scores before training. */
async function scores(model: string, out: string, ...flags: string[]) {
  const result = await runJson<RunResult>(['finetune', model, ...still, ...flags, '--out', out], folder);
  return result.models[0]!.scores;
}

describe('a model as PyTorch exports it, time first', () => {
  const timeFirst = (shape: readonly Dim[]): Model => {
    const b = new GraphBuilder('time first');
    const weight = (name: string, dims: number[], seed: number) => b.parameter(name, randomTensor(dims, seed, 0.5));
    const x = b.input('x', 'float32', shape);
    const y = apply('LSTM', [x, weight('W', [1, 24, 3], 1), weight('R', [1, 24, 6], 2)], { hidden_size: 6 });
    b.output(matmul(squeeze(y, [1]), weight('V', [6, 2], 3)), 'y');
    return modelOf(b.build());
  };
  const flags = ['--data', 'd.npz', '--valid', 'd.npz', '--loss', 'mse', '--target', 't'];

  beforeAll(async () => {
    await saveModel(at('unnamed.onnx'), timeFirst(['s0', 's1', 3]));
    await saveModel(at('single.onnx'), timeFirst(['time', 1, 3]));
    await saveModel(at('misnamed.onnx'), timeFirst(['batch', 'time', 3]));
    const arrays = { x: randomTensor([7, 5, 3], 4), t: randomTensor([7, 5, 2], 5) };
    await saveArrays(at('d.npz'), new Map(Object.entries(arrays)));
  });

  it('is fed examples along the axis that its LSTM reads as the batch', async () => {
    const said = await scores('unnamed.onnx', 'said', ...flags, '--batch-axis', 'x=1');
    const found = await scores('unnamed.onnx', 'found', ...flags);
    const single = await scores('single.onnx', 'single', ...flags);
    expect(found).toEqual(said);
    expect(single.valid!.mse).toBeCloseTo(said.valid!.mse!, 6);
    const wrong = await scores('unnamed.onnx', 'wrong', ...flags, '--batch-axis', 'x=0', '--batch-axis', 'y=0');
    expect(Math.abs(wrong.valid!.mse! - said.valid!.mse!)).toBeGreaterThan(1e-3);
  });

  it('is refused where the name of the axis says otherwise', async () => {
    const args = ['finetune', 'misnamed.onnx', ...flags, '--out', 'no'];
    await expectRefused(folder, args, /axis 0 is called 'batch'/, /--batch-axis x=AXIS/);
  });
});
