import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskCases } from '../../test/support/tasks.ts';
import type { Settings } from '../base/fields.ts';
import { acquireLock, LockedError } from '../base/lock.ts';
import { describeModel } from '../inspect/describe.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import { findRuns } from './findRuns.ts';
import { readRun } from './readRun.ts';
import { type RunOptions, run } from './run.ts';
import { epochModels } from './runDirectory.ts';

const [text] = taskCases;
const arrays = taskCases.find(({ name }) => name === 'arrays');
let folder: string;
let options: RunOptions;

/** A run of an epoch in a directory of its own. */
function runOf(name: string, fields: Settings = {}, of = text!): RunOptions {
  const made = of.make({ epochs: 1, iss: 0.01, ...fields });
  return { ...made, runtime: nodeRuntime, directory: join(folder, ...name.split('/')) };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-run-'));
  options = runOf('deep/mine');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a run of the library', () => {
  it('leaves a directory that the tools for runs read', async () => {
    const stages: string[] = [];
    const ready = () => stages.push(existsSync(join(options.directory, 'config.json')) ? 'ready' : 'too early');
    const result = await run({ ...options, sources: { data: 'my/text' }, onReady: ready });
    expect(stages).toEqual(['ready']);
    expect((await findRuns(folder)).ids).toEqual(['deep/mine']);
    const { config: saved, result: read } = await readRun(folder, 'deep/mine');
    const { model, method } = options.config;
    expect(saved).toMatchObject({
      format: 2,
      model,
      method,
      sources: { data: 'my/text', init: null },
      items: 'tokens',
    });
    expect(read?.models.length).toBe(result.models.length);
    expect(readdirSync(options.directory).sort()).toEqual([
      'checkpoint.onnx',
      'config.json',
      'metrics.jsonl',
      'model.onnx',
      'result.json',
      'slim.onnx',
      'vocabulary.txt',
    ]);
  });

  it('is not made twice, nor trained again when it is finished', async () => {
    const before = readFileSync(join(options.directory, 'result.json'));
    await expect(run(options)).rejects.toThrow('exists; add --resume');
    const sources = { data: 'my/text' };
    const onBatch = () => expect.unreachable('a finished run was trained');
    const again = await run({ ...options, sources, resume: true, onBatch });
    expect(JSON.parse(before.toString())).toEqual(again);
    expect(readFileSync(join(options.directory, 'result.json'))).toEqual(before);
  });

  it('goes on only as what it was, and only where nobody else is', async () => {
    await expect(run({ ...options, resume: true })).rejects.toThrow('was started with --data my/text, not no --data');
    const elsewhere = { ...options, directory: join(folder, 'nothing'), resume: true };
    await expect(run(elsewhere)).rejects.toThrow('is no run directory');
    expect(existsSync(elsewhere.directory)).toBe(false);
    const lock = await acquireLock(options.directory);
    await expect(run({ ...options, sources: { data: 'my/text' }, resume: true })).rejects.toThrow(LockedError);
    lock.release();
  });

  it('writes nothing for a target out of reach', async () => {
    const small = runOf('small', { iss: 0, target: 'params=0.01' });
    await expect(run(small)).rejects.toThrow('cannot be reached');
    expect(existsSync(small.directory)).toBe(false);
  });

  it('writes nothing for a model whose layers have other numbers', async () => {
    const wrong = runOf('wrong', { issLayers: [1, 2, 3] });
    await expect(run(wrong)).rejects.toThrow('--iss-layers must have a factor for each of the 2 layers, got 3');
    expect(existsSync(wrong.directory)).toBe(false);
  });

  it('says how near it came to what was asked for', async () => {
    const { target, kept } = await run(runOf('aimed', { iss: 0, target: 'units=0.5' }));
    expect(target).toMatchObject({ what: 'units', asked: 0.5 });
    const left = kept!.reduce((n, units) => n + units.length, 0);
    expect(target!.reached).toBeCloseTo(left / 7, 12);
  });

  it('without a sparsity method has no slim model', async () => {
    const dense = runOf('dense', { iss: 0 });
    const { models, verify, target } = await run(dense);
    expect(models.map((m) => m.name)).toEqual(['trained']);
    expect([verify, target]).toEqual([undefined, undefined]);
    expect(existsSync(join(dense.directory, 'slim.onnx'))).toBe(false);
  });

  it.each([
    ['once where nothing is left to cut', { threshold: 1e-9 }, []],
    ['anew where units are cut at the end', { threshold: 1, shrink: false }, ['scoring the slim model']],
  ])('scores the slim model %s', async (_, fields, scored) => {
    const stages: string[] = [];
    const { models } = await run({
      ...runOf(`scored-${fields.threshold}`, fields),
      onStage: (text) => stages.push(text),
    });
    expect(stages.filter((text) => text.includes('slim model') && text.startsWith('scoring'))).toEqual(scored);
    const [trained, slim] = models;
    expect(slim).toMatchObject({ name: 'slim', file: 'slim.onnx' });
    expect(slim!.scores.valid!.perplexity).toBeCloseTo(trained!.scores.valid!.perplexity!, 3);
    expect(slim!.parameters === trained!.parameters).toBe(scored.length === 0);
  });

  it('keeps the model of every epoch where that is asked for, stopped and resumed or not', async () => {
    const kept = runOf('kept', { epochs: 3, keepModels: true });
    const stop = new AbortController();
    const onEpoch = ({ epoch }: EpochMetrics) => (epoch === 2 ? stop.abort() : undefined);
    await expect(run({ ...kept, signal: stop.signal, onEpoch })).rejects.toThrow('stopped');
    const { models } = await run({ ...kept, resume: true });
    const files = await epochModels(kept.directory);
    expect(files).toEqual([1, 2, 3].map((epoch) => join(kept.directory, 'epochs', `${epoch}.onnx`)));
    const parameters = await Promise.all(files.map(async (file) => describeModel(await loadModel(file)).parameters));
    expect(parameters.at(-1)).toBe(models[0]!.parameters);
    expect(parameters).toEqual(parameters.toSorted((a, b) => b - a));
  });

  it('ends with the best epoch where that is asked for, stopped and resumed or not', async () => {
    // At so high a rate epochs come out better and worse.
    const adam = { optimizer: 'adam', learningRate: 1, threshold: 1e-4, schedule: 'constant' };
    const settings = { epochs: 4, keepBest: true, ...adam };
    const best = runOf('best', settings);
    const stop = new AbortController();
    const onEpoch = ({ epoch }: EpochMetrics) => (epoch === 3 ? stop.abort() : undefined);
    await expect(run({ ...best, signal: stop.signal, onEpoch })).rejects.toThrow('stopped');
    const { models, history, kept, verify } = await run({ ...best, resume: true });
    const values = history.map(({ valid }) => valid!.perplexity!);
    const lowest = Math.min(...values);
    expect(values.at(-1)).toBeGreaterThan(lowest);
    expect(models[0]!.scores.valid!.perplexity! / lowest).toBeCloseTo(1, 5);
    expect(models.at(-1)!.scores.valid!.perplexity! / lowest).toBeCloseTo(1, 5);
    expect(kept!.map((units) => units.length)).toEqual(models.at(-1)!.hidden);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it.each([
    ['target', { target: 'units=0.5', iss: 0.2 }],
    ['pruning', { magnitude: 0.9, pruneTo: 3 }],
  ])('does not end with an epoch from before a %s was done, however good it was', async (what, fields: Settings) => {
    const best = runOf(`best-${what}`, { iss: 0, epochs: 5, keepBest: true, ...fields });
    const { history, models, target } = await run(best);
    const isEarly = history.map(({ isUnderway = false }) => isUnderway);
    expect(isEarly[0]).toBe(true);
    const late = history.filter(({ isUnderway }) => !isUnderway).map(({ valid }) => valid!.perplexity!);
    expect(late.length).toBeGreaterThan(0);
    expect(models[0]!.scores.valid!.perplexity! / Math.min(...late)).toBeCloseTo(1, 5);
    if (target) expect(target.reached).toBeLessThanOrEqual(0.55);
    else expect(models[0]!.split!.recurrent.nonzero).toBeLessThan(0.3 * models[0]!.split!.recurrent.stored);
  });

  it('scores what it leaves as it scored it while it trained', async () => {
    const { models, history } = await run(runOf('scored', { iss: 0, optimizer: 'adam', learningRate: 0.01, ema: 0.9 }));
    const [{ scores }] = models as [(typeof models)[number]];
    expect(Object.keys(scores)).toEqual(['valid', 'test']);
    expect(scores.valid!.perplexity! / history.at(-1)!.valid!.perplexity!).toBeCloseTo(1, 5);
  });

  it('of a model that others made has that one beside its own', async () => {
    const imported = runOf('imported', {}, arrays);
    const init = join(folder, 'given.onnx');
    await saveModel(init, imported.task.model());
    const before: unknown[] = [];
    const sources = { init, data: 'a.npz', valid: 'b.npz' };
    const { models } = await run({ ...imported, sources, onReady: (start) => before.push(start.before) });
    expect(models.map((m) => m.name)).toEqual(['original', 'trained', 'slim']);
    expect(models[0]).toMatchObject({ file: 'original.onnx', scores: before[0] });
    expect(Object.keys(models[0]!.scores.valid!)).toEqual(['accuracy', 'loss']);
    // And it goes on from there, although its files have to be read again.
    expect(await run({ ...imported, sources, resume: true })).toMatchObject({ models: [{ name: 'original' }, {}, {}] });
  });
});
