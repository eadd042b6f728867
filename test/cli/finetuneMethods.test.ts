import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import type { Model } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { recurrentModel, sumTask } from '../fixtures/finetune/task.ts';
import { makeFolder, runJson } from '../support/runCli.ts';

/*
 * Imported graphs are open to every method, target, optimizer and schedule.
 */

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const models: Readonly<Record<string, Model>> = {
  'lstm.onnx': recurrentModel({ hidden: 12 }),
  'both.onnx': recurrentModel({ op: 'GRU', direction: 'bidirectional', hidden: 8 }),
};
const data = ['--data', 'train.npz', '--valid', 'valid.npz', '--loss', 'cross-entropy', '--target-array', 'y'];
const course = ['--learning-rate', '0.02', '--batch', '8', '--epochs', '20', '--threads', '1'];
const tune = (model: string, ...flags: string[]) => ['finetune', model, ...data, ...course, ...flags];

beforeAll(async () => {
  folder = makeFolder();
  for (const [name, model] of Object.entries(models)) await saveModel(at(name), model);
  await saveArrays(at('train.npz'), sumTask(240));
  await saveArrays(at('valid.npz'), sumTask(80, 5, 2));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Share of zeros among the weights of the recurrent layer. */
async function zeros(file: string): Promise<number> {
  const { initializers } = (await loadModel(at(file))).graph;
  const weights = ['W', 'R'].flatMap((name) => [...(initializers.get(name)!.data as Float32Array)]);
  return weights.filter((w) => w === 0).length / weights.length;
}

const units = ({ hidden }: RunResult['models'][number]) => hidden.reduce((sum, n) => sum + n, 0);

describe.each(['lstm.onnx', 'both.onnx'])('%s', (model) => {
  const name = model.replace('.onnx', '');
  const first = models[model]!;

  const tried: readonly (readonly [string, readonly string[], string])[] = [
    ['iss', ['--iss', '0.01'], 'group-lasso'],
    ['proximal', ['--iss', '0.5', '--proximal'], 'proximal'],
    ['l1', ['--l1', '0.001'], 'l1'],
    ['magnitude', ['--magnitude', '0.5', '--prune-every', '10'], 'magnitude'],
    ['narang', ['--magnitude', '0.5', '--prune-schedule', 'narang', '--prune-every', '10'], 'magnitude'],
    ['target', ['--target', 'units=0.5'], 'target'],
    ['params', ['--target', 'params=0.4', '--optimizer', 'adamw', '--schedule', 'cosine'], 'target'],
  ];
  // Each way to act on weights once more where directions are units of their own.
  const again = ['proximal', 'magnitude', 'target'];
  const here = tried.filter(([method]) => model === 'lstm.onnx' || again.includes(method));

  it.each(here)('%s', async (method, flags, kind) => {
    const out = `${name}-${method}`;
    const result = await runJson<RunResult>(tune(model, ...flags, '--out', out), folder);
    expect(result.config.method).toMatchObject({ kind });
    const [original, trained, slim] = result.models as [RunResult['models'][0], ...RunResult['models']];
    expect(trained!.scores.valid!.accuracy).toBeGreaterThan(original.scores.valid!.accuracy! + 0.1);
    expect(slim!.scores.valid!.loss).toBeCloseTo(trained!.scores.valid!.loss!, 5);
    expect(result.verify!.maxRelativeDifference).toBeLessThan(1e-5);
    const left = await loadModel(at(out, 'slim.onnx'));
    expect(left.graph.inputs).toEqual(first.graph.inputs);
    expect(left.graph.outputs.map((o) => o.name)).toEqual(first.graph.outputs.map((o) => o.name));
    expect(left.opsets).toEqual(first.opsets);
    if (kind === 'magnitude') {
      expect(units(slim!)).toBe(units(original));
      const share = await zeros(join(out, 'model.onnx'));
      // Narang's slope comes from a quantile of the weights as they were when the pruning began.
      expect(share).toBeGreaterThan(method === 'narang' ? 0.3 : 0.45);
      expect(share).toBeLessThan(method === 'narang' ? 0.8 : 0.55);
    } else if (kind === 'target') {
      expect(Math.abs(result.target!.reached - result.target!.asked)).toBeLessThanOrEqual(0.1);
    } else {
      expect(slim!.parameters).toBeLessThan(original.parameters);
    }
  });

  it('keeps the zeros of a model that was pruned', async () => {
    const pruned = join(`${name}-magnitude`, 'model.onnx');
    const onward = tune(pruned, '--keep-zeros', '--epochs', '2', '--out', `${name}-kept`);
    await runJson(onward, folder);
    expect(await zeros(join(`${name}-kept`, 'model.onnx'))).toBeGreaterThanOrEqual(await zeros(pruned));
    await runJson(tune(pruned, '--epochs', '2', '--out', `${name}-regrown`), folder);
    expect(await zeros(join(`${name}-regrown`, 'model.onnx'))).toBeLessThan(0.1);
  });
});

describe('optimizers and schedules', () => {
  // That a kill changes nothing is said by optimizers.test.ts.
  it.each([
    ['sgd', 'step', ['--learning-rate', '0.3', '--decay', '0.9']],
    ['momentum', 'constant', ['--learning-rate', '0.05', '--nesterov']],
    ['adam', 'plateau', ['--plateau-patience', '3', '--decay', '0.7']],
    ['adamw', 'cosine', ['--weight-decay', '0.05', '--warmup', '10', '--ema', '0.9']],
    ['asgd', 'constant', ['--learning-rate', '0.3', '--non-monotone', '1']],
  ])('%s, %s: learns, shrinks', async (optimizer, schedule, flags) => {
    const chosen = ['--optimizer', optimizer, '--schedule', schedule, ...flags];
    const training = tune('lstm.onnx', ...chosen, '--target', 'units=0.6');
    const result = await runJson<RunResult>([...training, '--out', optimizer], folder);
    expect(result.config).toMatchObject({ optimizer: { kind: optimizer }, schedule: { kind: schedule } });
    const [original, trained, slim] = result.models;
    expect(trained!.scores.valid!.accuracy).toBeGreaterThan(original!.scores.valid!.accuracy! + 0.1);
    expect(slim!.hidden[0]).toBeLessThan(12);
  });
});
