import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { saveArrays } from '../../src/data/arrays.ts';
import { int64s } from '../../src/graph/attributes.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { inferTypes } from '../../src/graph/infer/infer.ts';
import { modelOf } from '../../src/graph/model.ts';
import type { Model, Tensor } from '../../src/graph/types.ts';
import { loadModel, saveModel } from '../../src/onnx/file.ts';
import { bindDims } from '../../src/passes/bindDims.ts';
import { inlineBranches } from '../../src/passes/decideBranches.ts';
import { toOwnOpset } from '../../src/passes/toOwnOpset.ts';
import type { SweepResult } from '../../src/sweep/result.ts';
import { numbersOf, randomTensor } from '../support/graphs.ts';
import { expectRefused } from '../support/refused.ts';
import { makeFolder, runCli, runJson } from '../support/runCli.ts';
import { detector, enhancer, type StreamingFixture, suppressor } from '../support/streamingFixtures.ts';

/*
 * Models of one step, as published ones are: `finetune` runs them over sequences.
 */

const UPDATES = 20;
const [COUNT, STEPS] = [2, 4];

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = makeFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stateFlags = (states: StreamingFixture['states']) =>
  Object.entries(states).flatMap(([input, output]) => ['--state', `${input}=${output}`]);

/** Sequences for a model, and targets that it can come nearer to. */
async function writeData(name: string, { input, takes, gives, loss }: Omit<StreamingFixture, 'model' | 'states'>) {
  const y = randomTensor([COUNT, STEPS, ...gives], 2, loss === 'bce' ? 0.4 : 0.1);
  const targets: Tensor = loss === 'bce' ? { ...y, data: Float32Array.from(numbersOf(y), (v) => 0.5 + v) } : y;
  const x = randomTensor([COUNT, STEPS, ...takes], 1, 0.5);
  await saveArrays(
    at(name),
    new Map([
      [input, x],
      ['y', targets],
    ]),
  );
}

/** Trains for some updates; the losses of all of them. */
async function losses(
  model: string,
  data: string,
  { states, loss }: Pick<StreamingFixture, 'states' | 'loss'>,
  out: string,
  updates = UPDATES,
) {
  const flags = [
    '--target-array',
    'y',
    '--loss',
    loss,
    '--batch',
    String(COUNT),
    '--epochs',
    String(updates),
    '--threads',
    '1',
  ];
  const training = ['--optimizer', 'adam', '--learning-rate', '0.002', '--schedule', 'constant'];
  const args = ['finetune', model, '--data', data, ...flags, ...training, ...stateFlags(states), '--out', out];
  const { code, stderr } = await runCli(args, folder);
  if (code !== 0) throw new Error(stderr);
  const lines = readFileSync(at(`${out}/metrics.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => {
    const { train } = JSON.parse(line) as { train: Record<string, number> };
    return train.mse ?? train.loss!;
  });
}

describe.each([
  ['a noise suppressor', suppressor],
  ['a voice activity detector', detector],
  ['an enhancer with caches', enhancer],
])('%s', (title, fixtureOf) => {
  const name = title.split(' ').at(-1)!;
  const fixture = fixtureOf();

  beforeAll(async () => {
    await saveModel(at(`${name}.onnx`), fixture.model);
    await writeData(`${name}.npz`, fixture);
  });

  it('is trained over time for 20 updates, and stays a model of one step', async () => {
    const found = await losses(`${name}.onnx`, `${name}.npz`, fixture, `out-${name}`);
    expect(found).toHaveLength(UPDATES);
    expect(found.at(-1)).toBeLessThan(found[0]!);
    const trained = await loadModel(at(`out-${name}/model.onnx`));
    expect(trained.graph.inputs).toEqual(fixture.model.graph.inputs);
    expect(trained.graph.outputs).toEqual(fixture.model.graph.outputs);
    const isMoved = ([key, tensor]: [string, Tensor]) =>
      numbersOf(tensor).some((v, i) => v !== numbersOf(fixture.model.graph.initializers.get(key)!)[i]);
    const still = [...trained.graph.initializers].filter((entry) => !isMoved(entry)).map(([key]) => key);
    expect(still.filter((key) => !/^(mean|variance)/.test(key))).toEqual([]);
  });
});

describe('a sweep', () => {
  it('trains a model of one step over sequences, too', async () => {
    const { model, states } = detector();
    await saveModel(at('swept.onnx'), model);
    await writeData('swept.npz', detector());
    const flags = ['--target-array', 'y', '--loss', 'bce', '--epochs', '2', '--workers', '1', '--no-latency'];
    const args = [
      'sweep',
      'swept.onnx',
      '--data',
      'swept.npz',
      '--valid',
      'swept.npz',
      ...flags,
      '--iss',
      '0.001,0.01',
    ];
    const { rows } = await runJson<SweepResult>([...args, ...stateFlags(states), '--out', 'sweep'], folder);
    expect(rows.map(({ state }) => state)).toEqual(['finished', 'finished']);
  });
});

describe('what does not fit', () => {
  it('is refused in one line', async () => {
    const { model } = suppressor();
    await saveModel(at('refused.onnx'), model);
    await saveArrays(
      at('refused.npz'),
      new Map([
        ['frame', randomTensor([2, 3, 15])],
        ['y', randomTensor([2, 3, 16])],
      ]),
    );
    const args = [
      'finetune',
      'refused.onnx',
      '--data',
      'refused.npz',
      '--loss',
      'mse',
      '--target-array',
      'y',
      '--out',
      'no',
    ];
    await expectRefused(folder, [...args, '--state', 'states=states_out'], /'frame' is \[2, 3, 15\].*\[N, T, 1, 16\]/);
    await expectRefused(folder, [...args, '--state', 'states=out2'], /no output 'out2'/);
  });
});

const published = fileURLToPath(new URL('../../../shared/models', import.meta.url));

/** A voice activity detector for one sampling rate, its sizes fixed. */
function atRate({ graph, ...model }: Model, samples: number): Model {
  const bound = bindDims(toOwnOpset({ ...model, graph }), { batch: 1, sequence: samples });
  const inputs = bound.inputs.filter((v) => v.name !== 'sr');
  const initializers = new Map([...bound.initializers, ['sr', int64s([], [16000])] as const]);
  const decided = inlineBranches({ ...bound, inputs, initializers });
  const type = inferTypes(decided);
  return modelOf({ ...decided, outputs: decided.outputs.map((o) => ({ ...o, type: type(o.name) ?? o.type })) });
}

const silero = { states: { state: 'stateN' }, input: 'input', loss: 'bce', takes: [576], gives: [1] } as const;
const frame = { input: 'mix', loss: 'mse', takes: [257, 1, 2], gives: [257, 1, 2] } as const;

describe.skipIf(!existsSync(published)).each<[string, Omit<StreamingFixture, 'model'>]>([
  ['silero_vad_16k_op15.onnx', silero],
  ['silero_vad_op18_ifless.onnx', silero],
  [
    'dtln_model_2.onnx',
    { states: { input_5: 'tf_op_layer_stack_5' }, input: 'input_4', loss: 'mse', takes: [512], gives: [512] },
  ],
  [
    'gtcrn_simple.onnx',
    { ...frame, states: { conv_cache: 'conv_cache_out', tra_cache: 'tra_cache_out', inter_cache: 'inter_cache_out' } },
  ],
  [
    'ulunas_simple.onnx',
    { ...frame, states: { conv_cache: 'conv_cache_out', tfa_cache: 'tfa_cache_out', inter_cache: 'inter_cache_out' } },
  ],
])('the published %s', (name, facts) => {
  it('is trained over time', async () => {
    const model = await loadModel(join(published, name));
    await saveModel(at(name), facts.input === 'input' ? atRate(model, sizeOf(facts.takes)) : model);
    await writeData(`${name}.npz`, facts);
    const found = await losses(name, `${name}.npz`, facts, `out-${name}`, 8);
    expect(found).toHaveLength(8);
    expect(found.at(-1)).toBeLessThan(found[0]!);
  });
});
