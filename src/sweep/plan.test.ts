import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { saveArrays } from '../data/arrays.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { apply } from '../graph/ops.ts';
import { saveModel } from '../onnx/file.ts';
import type { Sources } from '../tasks/task.ts';
import type { Varied } from './grid.ts';
import { planSweep } from './plan.ts';

/*
 * Sweeps over an imported model: what would stop them later stops the planning.
 */

let folder: string;
let sources: Sources;
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-plan-'));
  await saveModel(at('model.onnx'), recurrentModel());
  await saveArrays(at('train.npz'), sumTask(40));
  await saveArrays(at('valid.npz'), sumTask(20, 5, 2));
  sources = { data: at('train.npz'), valid: at('valid.npz'), init: at('model.onnx') };
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const base = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', epochs: 4 };
const plan = (varied: Varied, overrides = {}, from: Sources = {}) =>
  planSweep({ base, overrides, varied, sources: { ...sources, ...from } });

it('has the scores of the task, and where everything comes from', async () => {
  const made = await plan({ iss: [0, 0.1] });
  expect(made).toMatchObject({
    sources,
    items: 'examples',
    rungs: [2],
    initDigest: expect.stringMatching(/^[\da-f]{64}$/),
  });
  expect(made.scores.map(({ name, better }) => [name, better])).toEqual([
    ['accuracy', 'higher'],
    ['loss', 'lower'],
  ]);
  expect(made.runs.map(({ config }) => config.method.kind)).toEqual(['dense', 'group-lasso']);
});

it('identifies configuration and data of each run', async () => {
  const digests = async (from: Sources = {}) => (await plan({ iss: [0, 0.1] }, {}, from)).runs.map((run) => run.digest);
  const before = await digests();
  expect(before[0]).not.toBe(before[1]);
  expect(await digests()).toEqual(before);
  const other = await digests({ valid: at('train.npz') });
  for (const [i, digest] of other.entries()) expect(digest).not.toBe(before[i]);
});

it('refuses runs that cannot be compared', async () => {
  await expect(plan({ iss: [0, 0.1] }, {}, { valid: undefined })).rejects.toThrow(
    'held-out data: name them with --valid',
  );
  const losses = plan({ loss: ['bce', 'mse'] }, { targetArray: 'p', output: 'score' }, { init: await oneScore() });
  await expect(losses).rejects.toThrow('run 1-loss-bce is judged by accuracy, run 2-loss-mse by mse');
});

it('refuses what a method or the model cannot do', async () => {
  await expect(plan({ target: ['units=0.5', 'units=0.01'] })).rejects.toThrow('--target units=0.01 cannot be reached');
  await expect(plan({ iss: [0.1, 0.2] }, { fix: ['nothing'] })).rejects.toThrow("there is no layer 'nothing'");
  await expect(plan({ iss: [0.1, 0.2] }, { freeze: ['nix'] })).rejects.toThrow('--freeze nix');
  const untrainable = plan({ iss: [0, 0.1] }, { targetArray: 'p', loss: 'mse' }, { init: await oneScore('Tan') });
  await expect(untrainable).rejects.toThrow('cannot differentiate Tan');
});

/** A model of x with one score for each example, [B, 1]; an operator may stand before it. */
async function oneScore(op = 'Identity'): Promise<string> {
  const b = GraphBuilder.from(recurrentModel({ classes: 1 }).graph, { keepOutputs: false });
  b.output(apply(op, [b.value('scores')]), 'score');
  await saveModel(at(`${op}.onnx`), modelOf(b.build()));
  return at(`${op}.onnx`);
}
