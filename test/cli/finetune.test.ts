import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { modelOf } from '../../src/graph/model.ts';
import { matmul, reduceSum } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { collectReport } from '../../src/report/collect.ts';
import type { RunResult } from '../../src/runs/result.ts';
import { randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson, snapshot, startCli, timelessMetrics } from '../support/runCli.ts';

/*
 * Fine-tuning as a user types it, on the example's model and on data that the example makes.
 */

const example = fileURLToPath(new URL('../../examples/finetune', import.meta.url));

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const data = ['--data', 'data/train.jsonl', '--loss', 'cross-entropy', '--target', 'class', '--threads', '1'];
const iss = ['--iss', '0.01', '--learning-rate', '0.005', '--decay', '0.9', '--batch', '16'];
const tune = ['finetune', 'classifier.onnx', ...data, '--valid', 'data/valid.jsonl', ...iss];

beforeAll(async () => {
  folder = makeFolder();
  execFileSync(process.execPath, [join(example, 'make-data.mjs'), '1600', at('data')]);
  copyFileSync(join(example, 'classifier.onnx'), at('classifier.onnx'));
  await runJson([...tune, '--epochs', '4', '--out', 'reference'], folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the example, smaller', () => {
  it('improves on held-out examples and removes units', async () => {
    const { models, verify } = JSON.parse(readFileSync(at('reference/result.json'), 'utf8')) as RunResult;
    const [original, trained, slim] = models;
    expect(models.map((m) => m.name)).toEqual(['original', 'trained', 'slim']);
    for (const { scores } of models) expect(Object.keys(scores.valid!).sort()).toEqual(['accuracy', 'loss']);
    expect(original!.scores.valid!.accuracy).toBeLessThan(0.8);
    expect(trained!.scores.valid!.accuracy).toBeGreaterThan(0.9);
    expect(slim!.scores.valid!.accuracy).toBe(trained!.scores.valid!.accuracy);
    expect(original!.hidden).toEqual([40, 40]);
    expect(slim!.hidden.reduce((a, b) => a + b)).toBeLessThan(70);
    expect(slim!.parameters).toBeLessThanOrEqual(trained!.parameters);
    expect(verify!.maxRelativeDifference).toBeLessThan(1e-5);
    expect(readdirSync(at('reference')).sort()).toEqual([
      'checkpoint.onnx',
      'config.json',
      'metrics.jsonl',
      'model.onnx',
      'original.onnx',
      'result.json',
      'slim.onnx',
    ]);
  });

  it('names files of the run directory, so that its report is the same wherever it goes', async () => {
    const { models } = JSON.parse(readFileSync(at('reference/result.json'), 'utf8')) as RunResult;
    expect(models.map(({ file }) => file)).toEqual(['original.onnx', 'model.onnx', 'slim.onnx']);
    mkdirSync(at('elsewhere'));
    cpSync(at('reference'), at('elsewhere/moved'), { recursive: true });
    const { problems, runs } = await collectReport({ paths: [at('elsewhere')], latency: true });
    expect(problems).toEqual([]);
    expect(runs[0]!.maps.length).toBeGreaterThan(0);
    expect(runs[0]!.models.map(({ name, latencies }) => [name, latencies.length > 0])).toEqual([
      ['original', true],
      ['trained', true],
      ['slim', true],
    ]);
  });

  it('is reported with what cannot be had in words, also where an earlier version named other files', async () => {
    const result = JSON.parse(readFileSync(at('reference/result.json'), 'utf8')) as RunResult;
    const files: Record<string, string> = {
      original: 'my/model.onnx',
      trained: 'runs/x/model.onnx',
      slim: 'runs/x/slim.onnx',
    };
    cpSync(at('reference'), at('old'), { recursive: true });
    const models = result.models.map((model) => ({ ...model, file: files[model.name]! }));
    writeFileSync(at('old/result.json'), JSON.stringify({ ...result, models }));
    rmSync(at('old/slim.onnx'));
    const { problems, runs } = await collectReport({ paths: [at('old')], latency: false });
    expect(problems).toEqual([
      'old: the original model is not timed: my/model.onnx is not in the run directory',
      expect.stringMatching(/^old: cannot read .*slim\.onnx: there is no such file/),
    ]);
    expect(runs[0]!.models.map(({ name }) => name)).toEqual(['original', 'trained', 'slim']);
  });

  it('keeps names, operator set and what the file says beside the graph', async () => {
    const [original, slim] = [await loadModel(at('classifier.onnx')), await loadModel(at('reference/slim.onnx'))];
    expect(slim.graph.inputs).toEqual(original.graph.inputs);
    expect(slim.graph.outputs.map((o) => o.name)).toEqual(original.graph.outputs.map((o) => o.name));
    expect([...slim.graph.initializers.keys()]).toEqual([...original.graph.initializers.keys()]);
    expect(slim.opsets).toEqual(original.opsets);
    expect(slim.producer).toBe(original.producer);
  });

  it('says what happens on stderr, and the result on stdout', async () => {
    const { code, stdout, stderr } = await runCli(
      ['finetune', 'classifier.onnx', ...data, '--epochs', '1', '--out', 'plain'],
      folder,
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^data\/train.jsonl: 1 600 examples$/m);
    expect(stderr).toMatch(/^epoch 1\/1 {2}rate 0.00100 {2}train \d/m);
    expect(stdout).toMatch(/original .*40, 40/);
    expect(stdout).toMatch(/trained .*40, 40/);
  });

  it('stopped and resumed, it ends as one that was not', async () => {
    const run = startCli([...tune, '--epochs', '4', '--out', 'stopped'], folder);
    while (!/^epoch 1/m.test(run.stderr())) await new Promise((resolve) => setTimeout(resolve, 20));
    run.child.kill('SIGINT');
    const { code, stderr } = await run.finished;
    expect(code).toBe(130);
    expect(stderr).toMatch(/error: stopped in epoch \d; --resume goes on from here\n$/);
    await runJson(['finetune', 'stopped', '--resume'], folder);
    expect(timelessMetrics(at('stopped'))).toEqual(timelessMetrics(at('reference')));
    expect(readFileSync(at('stopped/slim.onnx'))).toEqual(readFileSync(at('reference/slim.onnx')));
  });
});

describe.concurrent('what does not fit', () => {
  const count = 6;
  const arrays = new Map<string, Tensor>([
    ['x', randomTensor([count, 3, 2], 1)],
    ['y', int64s([count], [0, 1, 2, 3, 0, 1])],
    ['flat', randomTensor([count, 6], 2)],
  ]);

  beforeAll(async () => {
    await saveArrays(at('arrays.npz'), arrays);
    const b = new GraphBuilder('small');
    const x = b.input('x', 'float32', ['batch', 'time', 2]);
    b.output(matmul(reduceSum(x, [1]), b.parameter('w', randomTensor([2, 4], 1))), 'scores');
    await saveModel(at('small.onnx'), modelOf(b.build()));
    writeFileSync(at('broken.npz'), 'no zip');
  });

  const small = ['finetune', 'small.onnx', '--data', 'arrays.npz', '--out', 'new'];
  const classes = [...small, '--loss', 'cross-entropy', '--target'];
  const cases: [title: string, args: string[], ...words: (string | RegExp)[]][] = [
    ['no data', ['finetune', 'small.onnx', '--loss', 'mse', '--target', 'y'], '--data FILE'],
    ['no loss', [...small, '--target', 'y'], '--loss cross-entropy or mse or bce'],
    [
      'an unknown loss',
      [...small, '--loss', 'hinge', '--target', 'y'],
      '--loss: expected cross-entropy or mse or bce',
      'hinge',
    ],
    ['no target', [...small, '--loss', 'mse'], '--target-array ARRAY'],
    ['no model', ['finetune', 'absent.onnx', ...data], 'cannot read absent.onnx'],
    ['no data file', [...classes, 'y', '--data', 'absent.npz'], 'absent.npz'],
    ['a damaged data file', [...classes, 'y', '--data', 'broken.npz'], 'broken.npz'],
    ['a missing target', [...classes, 'labels'], "arrays.npz has no array 'labels'", 'it has x, y'],
    ['an input without its name', [...classes, 'y', '--input', 'x'], '--input takes name=value'],
    ['a wrong size', [...classes, 'y', '--input', 'x=flat'], "array 'flat' is [6, 6]", '[time, 2]'],
    [
      'a loss that does not go with the target',
      [...small, '--loss', 'mse', '--target', 'y'],
      "like the output 'scores'",
    ],
    ['λ below 0', [...classes, 'y', '--iss', '-1'], '--iss: expected at least 0, got -1'],
    ['no number', [...classes, 'y', '--learning-rate', 'fast'], "--learning-rate takes a number, got 'fast'"],
    ['a target that is none', [...classes, 'y', '--target', 'units=3'], '--target-array ARRAY'],
    [
      'a size that cannot be',
      [...small, '--loss', 'cross-entropy', '--target-array', 'y', '--target', 'unit=0.5'],
      '--target: expected units=SHARE or params=SHARE, between 0 and 1, got "unit=0.5"',
    ],
    ['half an epoch', [...classes, 'y', '--epochs', '0.5'], '--epochs: expected a whole number, got 0.5'],
    [
      'an unknown optimizer',
      [...classes, 'y', '--optimizer', 'adan'],
      /--optimizer: expected sgd or .*adam/,
      "did you mean 'adam'",
    ],
    ['a run directory that exists', [...classes, 'y', '--out', 'reference'], 'reference exists', '--resume'],
    ['nothing to resume', [...classes, 'y', '--out', 'absent', '--resume'], 'absent is no run directory'],
    ['another configuration', ['finetune', 'reference', '--resume', '--epochs', '9'], '--epochs 4, not --epochs 9'],
  ];
  it.each(cases)('%s', (_title, args, ...words) => expectRefused(folder, args, ...words));
});

it('what is no number before the first update is not blamed on the learning rate', async () => {
  const lines = readFileSync(at('data/train.jsonl'), 'utf8').trimEnd().split('\n');
  const zeroed = lines.map((line) => JSON.stringify({ ...(JSON.parse(line) as object), length: 0 }));
  writeFileSync(at('zero.jsonl'), `${zeroed.join('\n')}\n`);
  const args = ['finetune', 'classifier.onnx', ...data, '--data', 'zero.jsonl', '--out', 'zero'];
  const { code, stderr } = await runCli(args, folder);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: training diverged: .* in epoch 1 at update 1 .*No weight has changed yet.*length of 0/m,
  );
  expect(stderr).not.toContain('lower');
});

it('divergence says where, and what to do', async () => {
  const args = [...tune, '--optimizer', 'sgd', '--learning-rate', '1e30', '--out', 'diverged'];
  const { code, stderr } = await runCli(args, folder);
  expect(code).toBe(1);
  expect(stderr).toMatch(/error: training diverged: .* in epoch 1 at update \d+ .*lower --learning-rate/);
});

it('a finished run is only reported again', async () => {
  cpSync(at('reference'), at('finished'), { recursive: true });
  const before = snapshot(at('finished'));
  const { models } = await runJson<RunResult>(['finetune', 'finished', '--resume'], folder);
  expect(models).toHaveLength(3);
  expect(snapshot(at('finished'))).toEqual(before);
});
