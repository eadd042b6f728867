import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomTensor } from '../../test/support/graphs.ts';
import { testModel } from '../../test/support/models.ts';
import { saveArrays } from '../data/arrays.ts';
import { numbersOf } from '../graph/numbers.ts';
import type { Model } from '../graph/types.ts';
import { describeModel } from '../inspect/describe.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { readRun } from '../runs/readRun.ts';
import { readResult } from '../runs/result.ts';
import { run } from '../runs/run.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { distillationTask } from '../tasks/distillation/task.ts';
import { compress } from './compress.ts';
import type { CompressOptions } from './work.ts';

let folder: string;
let model: Model;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-compress-'));
  model = testModel({ vocabulary: 9, embedding: 6, layers: [{ hidden: 12, direction: 'forward' }] });
  await saveModel(join(folder, 'model.onnx'), model);
  const [{ name, type }] = model.graph.inputs as [(typeof model.graph.inputs)[number]];
  const dims = [40, ...type.shape!.filter((d) => d !== 'batch').map((d) => (typeof d === 'number' ? d : 7))];
  const size = dims.reduce((a, b) => a * b);
  const data = BigInt64Array.from({ length: size }, (_, i) => BigInt((i * i * 7 + i) % 9));
  await saveArrays(join(folder, 'inputs.npz'), new Map([[name, { elementType: 'int64', dims, data }]]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function options(out: string, more: Partial<CompressOptions> = {}): CompressOptions {
  const init = join(folder, 'model.onnx');
  return {
    ...{
      task: distillationTask,
      settings: { batch: 8, threads: 1, learningRate: 0.01 },
      rank: 'activity',
      allLayers: true,
      stages: 2,
    },
    sources: { init, teacher: init, data: join(folder, 'inputs.npz') },
    goal: { kind: 'size', size: 'units', share: 0.5 },
    ...{ directory: join(folder, out), epochs: 6, runtime: nodeRuntime },
    ...more,
  };
}

const weightsOf = ({ graph }: Model) => [...graph.initializers].map(([name, tensor]) => [name, numbersOf(tensor)]);

describe('compress', () => {
  it('leaves a smaller model that does what the original does', async () => {
    const { stages, chosen, original, model: path } = await compress(options('whole'));
    expect(stages.map(({ sizes }) => sizes.units)).toEqual([[8], [6]]);
    expect(chosen).toBe(stages[1]);
    expect(original.scores.error).toBeLessThan(1e-6);
    expect(chosen.trained.error).toBeLessThan(chosen.cut.error!);
    expect(chosen.trained.error).toBeLessThan(0.2);
    expect(describeModel(await loadModel(path)).layers.map((l) => l.units)).toEqual([6]);
    const { summary, result, epochs } = await readRun(folder, 'whole');
    expect(summary).toMatchObject({ state: 'finished', task: 'distillation' });
    expect(result!.models.map(({ name, hidden }) => [name, hidden])).toEqual([
      ['original', [12]],
      ['compressed', [6]],
    ]);
    expect(epochs.map(({ epoch }) => epoch)).toEqual(epochs.map((_, i) => i + 1));
    expect(epochs.at(-1)!.units).toEqual([6]);
  });

  it('goes on to the same model wherever it is stopped', async () => {
    const whole = await loadModel((await compress(options('undisturbed'))).model);
    for (const at of ['stage 1 of 2', 'stage 2 of 2']) {
      const directory = `stopped-${at.replaceAll(' ', '-')}`;
      const stop = new AbortController();
      const runStage: CompressOptions['runStage'] = (label, all) => {
        const onBatch = () => (label === at ? stop.abort() : undefined);
        return run({ ...all, runtime: nodeRuntime, signal: stop.signal, onBatch });
      };
      await expect(compress(options(directory, { runStage }))).rejects.toThrow('stopped');
      const { model: path } = await compress(options(directory, { resume: true }));
      expect(weightsOf(await loadModel(path))).toEqual(weightsOf(whole));
    }
    const other = options('undisturbed', { resume: true, stages: 3 });
    await expect(compress(other)).rejects.toThrow('was begun for another model, other data, settings or another goal');
    await expect(compress(options('undisturbed'))).rejects.toThrow('add --resume to go on with it');
  });

  it('ranks units by what makes the better cut', async () => {
    const cutBy = async (rank: CompressOptions['rank']) => {
      const { stages } = await compress(options(`by-${rank}`, { rank, stages: 1, epochs: 1 }));
      return stages[0]!;
    };
    const [activity, taylor, best] = [await cutBy('activity'), await cutBy('taylor'), await cutBy('best')];
    expect([activity.rank, taylor.rank]).toEqual(['activity', 'taylor']);
    const better = activity.cut.loss! <= taylor.cut.loss! ? activity : taylor;
    expect(better.cut.loss).toBeLessThan(Math.max(activity.cut.loss!, taylor.cut.loss!));
    expect([best.rank, best.cut]).toEqual([better.rank, better.cut]);
  });

  it('lets Adam forget the gradients behind a cut, unless somebody says how fast', async () => {
    const settings = { batch: 8, threads: 1, learningRate: 0.01 };
    const once = { stages: 1, epochs: 1 };
    for (const [own, beta2] of [
      [{}, 0.99],
      [{ beta2: 0.9 }, 0.9],
    ] as const) {
      const { directory } = await compress(options(`beta-${beta2}`, { ...once, settings: { ...settings, ...own } }));
      const { config } = await readResult(join(directory, 'stages/1/run'));
      expect(config.optimizer).toMatchObject({ kind: 'adam', beta2 });
    }
    // Another optimizer has no such field.
    await compress(options('plain', { ...once, settings: { ...settings, optimizer: 'sgd' } }));
  });

  it('finds a learning rate where nobody says one, once', async () => {
    const settings = { batch: 8, threads: 1 };
    const lines: string[] = [];
    const onStage = (line: string) => lines.push(line);
    const found = await compress(options('found', { settings, onStage }));
    const told = lines.filter((line) => line.startsWith('learning rate'));
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^learning rate (0\.\d+) \(losses after short trials: .*\b\1 \d/);
    const { found: own } = JSON.parse(readFileSync(join(folder, 'found', 'compress.json'), 'utf8'));
    expect(own.learningRate).toBeGreaterThan(1e-3);
    const slow = await compress(options('slow', { settings: { ...settings, learningRate: 1e-4 } }));
    expect(found.chosen.trained.loss).toBeLessThan(slow.chosen.trained.loss!);
    // A compression that was stopped behind the trials takes what they found.
    const stop = new AbortController();
    const runStage: CompressOptions['runStage'] = (_, all) =>
      run({ ...all, runtime: nodeRuntime, signal: stop.signal, onBatch: () => stop.abort() });
    await expect(compress(options('found-stopped', { settings, runStage }))).rejects.toThrow('stopped');
    lines.length = 0;
    const resumed = await compress(options('found-stopped', { settings, resume: true, onStage }));
    expect(lines.filter((line) => line.startsWith('learning rate'))).toEqual([]);
    expect(weightsOf(await loadModel(resumed.model))).toEqual(weightsOf(await loadModel(found.model)));
  });

  it('finds how far a bound on the loss lets it go', async () => {
    const loose = await compress(options('loose', { goal: { kind: 'loss', budget: 0.02 } }));
    const tight = await compress(options('tight', { goal: { kind: 'loss', budget: 0.002 } }));
    expect(loose.chosen.trained.error).toBeLessThanOrEqual(0.02);
    expect(tight.chosen.trained.error).toBeLessThanOrEqual(0.002);
    expect(loose.chosen.share).toBeLessThan(tight.chosen.share);
    const none = options('none', { goal: { kind: 'loss', budget: 1e-9 }, epochs: 1 });
    await expect(compress(none)).rejects.toThrow(/no smaller model was within .* of the original/);
  });

  it('refuses what no cut can reach, and too few examples, before it writes', async () => {
    const tiny = options('tiny', { goal: { kind: 'size', size: 'params', share: 0.01 } });
    await expect(compress(tiny)).rejects.toThrow(/cannot be cut to 1 %: with one unit left in each layer \d+.* remain/);
    const [name] = model.graph.inputs.map((v) => v.name) as [string];
    const one = join(folder, 'one.npz');
    await saveArrays(
      one,
      new Map([[name, { ...randomTensor([1, 7], 1), elementType: 'int64', data: new BigInt64Array(7) }]]),
    );
    const few = options('few', { sources: { ...options('few').sources, data: one } });
    await expect(compress(few)).rejects.toThrow(
      /has 1 example, too few to hold a share of 0.2 out; name held-out data/,
    );
    for (const directory of ['tiny', 'few']) expect(existsSync(join(folder, directory))).toBe(false);
  });
});
