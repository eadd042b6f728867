import { describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../../test/fixtures/finetune/task.ts';
import { numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { configOf, memoryStore, optionsFor, timeless } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { floatToHalf } from '../../graph/half.ts';
import { modelOf } from '../../graph/model.ts';
import { add, apply, cast, matmul, reduceMean, relu, sigmoid } from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { type FinishedModels, finishModels } from '../../train/finish.ts';
import type { TrainedModel, TrainOptions } from '../../train/options.ts';
import { createScorer } from '../../train/scorer.ts';
import { train } from '../../train/trainer.ts';
import { type ScoreValues, scoresOf } from '../score.ts';
import type { LoadedTask } from '../task.ts';
import { loadedArrays } from './loadedArrays.ts';

const data = {
  train: { source: 'train.npz', arrays: sumTask(480) },
  valid: { source: 'valid.npz', arrays: sumTask(200, 5, 2) },
};
const base = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', epochs: 6, learningRate: 0.02, batch: 16 };

/** A training, with the scores of the model before it, and the models that it ends with. */
interface Tuned extends TrainedModel, Pick<FinishedModels, 'slim'> {
  readonly before: ScoreValues;
  readonly notes: readonly string[];
  /** Units of each layer at the end. */
  readonly left: readonly number[];
}

async function heldOut(model: Model, { problem }: LoadedTask): Promise<ScoreValues> {
  const scorer = createScorer(model, { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
  try {
    return scoresOf(problem.scores, await scorer.score('valid'));
  } finally {
    await scorer.release();
  }
}

async function tune(
  model: Model,
  settings: Settings = {},
  more: Partial<TrainOptions> = {},
  arrays = data,
): Promise<Tuned> {
  const config = configOf({ ...base, ...settings });
  const task = loadedArrays(config, model, arrays);
  const options = { ...optionsFor({ config, task }), ...more };
  const before = await heldOut(model, task);
  const trained = await train(options);
  const { slim, model: finished, kept } = await finishModels(trained, options);
  const left = (kept ?? []).map((units) => units.length);
  return { ...trained, model: finished, slim, before, left, notes: [...task.notes, ...trained.start.notes] };
}

const last = ({ history }: TrainedModel) => history.at(-1)!;

describe('arrays train', () => {
  const cases: [title: string, model: Model, settings: Settings][] = [
    ['with an LSTM', recurrentModel(), {}],
    ['with a GRU, time-major', recurrentModel({ op: 'GRU', timeMajor: true }), {}],
    ['with a bidirectional RNN', recurrentModel({ op: 'RNN', direction: 'bidirectional' }), {}],
    ['by SGD', recurrentModel(), { optimizer: 'sgd', learningRate: 1, clip: 1 }],
    ['one probability from logits', recurrentModel({ classes: 1 }), { loss: 'bce', targetArray: 'p' }],
  ];
  it.each(cases)('%s', async (_, model, settings) => {
    const tuned = await tune(model, settings);
    expect(tuned.before.accuracy).toBeLessThan(0.8);
    expect(last(tuned).valid!.accuracy).toBeGreaterThan(0.88);
    expect([...tuned.model.graph.initializers.keys()]).toEqual([...model.graph.initializers.keys()]);
    expect(tuned.model.graph.nodes).toEqual(model.graph.nodes);
    expect(tuned.slim).toBeUndefined();
  });

  it('only what is not frozen', async () => {
    const model = recurrentModel();
    const tuned = await tune(model, { freeze: ['W*', 'R', 'B'] });
    expect(last(tuned).valid!.loss).toBeLessThan(tuned.before.loss!);
    expect(tuned.start.parameters).toBe(14);
    for (const name of ['W', 'R', 'B', 'head']) {
      const changed = expect(tuned.model.graph.initializers.get(name));
      if (name === 'head') changed.not.toEqual(model.graph.initializers.get(name));
      else changed.toEqual(model.graph.initializers.get(name));
    }
  });

  it('real numbers', async () => {
    const tuned = await tune(recurrentModel({ classes: 1 }), { loss: 'mse', targetArray: 'p' });
    expect(last(tuned).valid!.mse).toBeLessThan(0.6 * tuned.before.mse!);
    expect(Object.keys(tuned.before)).toEqual(['mse']);
  });
});

describe('arrays with group lasso', () => {
  it.each([
    ['LSTM', 'forward'],
    ['GRU', 'bidirectional'],
  ] as const)('removes units of a %s (%s), the slim model computing the same', async (op, direction) => {
    const shrinks: number[][] = [];
    const tuned = await tune(
      recurrentModel({ op, direction, hidden: 12 }),
      { iss: 0.02, epochs: 12 },
      { onShrink: (_, to) => shrinks.push([...to]) },
    );
    const { slim, model, left: units } = tuned;
    expect(last(tuned).valid!.accuracy).toBeGreaterThan(0.88);
    expect(shrinks.length).toBeGreaterThan(0);
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-5);
    expect(units).toHaveLength(direction === 'forward' ? 1 : 2);
    expect(Math.max(...units)).toBeLessThan(12);
    expect(last(tuned).alive).toEqual(units);
    const size = (m: Model) => [...m.graph.initializers.values()].reduce((n, t) => n + t.data.length, 0);
    expect(size(slim!.model)).toBeLessThanOrEqual(size(model));
    expect(slim!.model.opsets).toEqual(model.opsets);
  });

  it('starts streaming states at zero, and shrinks them with their units', async () => {
    const model = recurrentModel({ op: 'GRU', hidden: 12, streaming: true });
    const { slim, left } = await tune(model, { iss: 0.02, epochs: 12 });
    const [after] = left;
    expect(after).toBeLessThan(12);
    expect(slim!.model.graph.inputs.find((v) => v.name === 'h')!.type.shape).toEqual([1, 'batch', after]);
  });

  it('keeps the size of states that take their values from an array', async () => {
    const model = recurrentModel({ op: 'GRU', hidden: 12, streaming: true });
    const start = ([name, count]: [string, number]) => [name, randomTensor([count, 1, 12], 9, 0.1)] as const;
    const withStates = ({ source, arrays }: (typeof data)['train']) => {
      return { source, arrays: new Map([...arrays, start(['h', arrays.get('y')!.dims[0]!])]) };
    };
    const arrays = { train: withStates(data.train), valid: withStates(data.valid) };
    const { left } = await tune(model, { epochs: 1 }, {}, arrays);
    expect(left).toEqual([12]);
    const refused = tune(model, { iss: 0.02, epochs: 3 }, {}, arrays);
    await expect(refused).rejects.toThrow(
      /no layer of the model can lose one: 'layer' is held by GRU 'layer' with input 'h'/,
    );
  });

  it('keeps the units in the graph until the end when asked to', async () => {
    const { history, model, slim, left } = await tune(recurrentModel({ hidden: 12 }), {
      ...{ iss: 0.02, epochs: 10, shrink: false },
    });
    expect(history.every((m) => m.units[0] === 12)).toBe(true);
    expect(model.graph.initializers.get('R')!.dims).toEqual([1, 48, 12]);
    expect(left[0]).toBeLessThan(12);
    expect(slim!.model.graph.initializers.get('R')!.dims).toEqual([1, 4 * left[0]!, left[0]]);
  });
});

describe('arrays on other graphs', () => {
  it('trains a convolution under frozen statistics, and says so', async () => {
    const b = new GraphBuilder('convolution');
    const x = b.input('x', 'float32', ['n', 'time', 2]);
    const weight = (name: string, dims: number[], seed: number) => b.parameter(name, randomTensor(dims, seed, 0.5));
    const convolved = apply('Conv', [apply('Transpose', [x], { perm: [0, 2, 1] }), weight('kernel', [6, 2, 3], 1)]);
    const one = (value: number): Tensor => ({
      elementType: 'float32',
      dims: [6],
      data: new Float32Array(6).fill(value),
    });
    const statistics = [b.parameter('mean', one(0)), b.parameter('variance', one(1))];
    const affine = [b.parameter('gamma', one(1)), b.parameter('beta', one(0))];
    const normal = relu(apply('BatchNormalization', [convolved, ...affine, ...statistics]));
    const logits = add(matmul(reduceMean(normal, [2]), weight('head', [6, 1], 2)), weight('bias', [1], 3));
    b.output(sigmoid(logits), 'probability');
    const tuned = await tune(modelOf(b.build()), { loss: 'bce', targetArray: 'p', epochs: 10 });
    const { model, notes } = tuned;
    expect(last(tuned).valid!.accuracy).toBeGreaterThan(0.8);
    expect(notes.join('\n')).toMatch(/BatchNormalization keeps its stored mean.*\n.*takes what goes into the Sigmoid/);
    expect(model.graph.initializers.get('mean')).toEqual(one(0));
    expect(model.graph.initializers.get('gamma')).not.toEqual(one(1));
  });

  it('trains half precision in float32 and rounds it back', async () => {
    const b = new GraphBuilder('half');
    const x = b.input('x', 'float16', ['batch', 5, 2]);
    const half = (name: string, dims: number[], seed: number) => {
      const data = Uint16Array.from(numbersOf(randomTensor(dims, seed, 0.5)), floatToHalf);
      return b.parameter(name, { elementType: 'float16', dims, data });
    };
    const hidden = relu(matmul(apply('Flatten', [x]), half('w', [10, 6], 1)));
    b.output(cast(matmul(hidden, half('head', [6, 2], 2)), 'float32'), 'scores');
    const given = modelOf(b.build());
    const tuned = await tune(given, { epochs: 12 });
    const { model, notes } = tuned;
    expect(last(tuned).valid!.accuracy).toBeGreaterThan(0.85);
    // What is written is what is scored, but for its rounding.
    const after = await heldOut(model, loadedArrays(configOf(base), model, data));
    expect(Math.abs(after.accuracy! - last(tuned).valid!.accuracy!)).toBeLessThan(0.02);
    expect(notes.join()).toContain('half precision');
    expect(model.graph.inputs).toEqual(given.graph.inputs);
    expect([...model.graph.initializers.values()].map((t) => t.elementType)).toEqual(['float16', 'float16']);
  });

  it('names the operator that it cannot differentiate', async () => {
    const b = new GraphBuilder('unknown');
    const x = b.input('x', 'float32', ['batch', 5, 2]);
    const w = b.parameter('w', randomTensor([10, 2], 1));
    b.output(b.node('Tan', [matmul(apply('Flatten', [x]), w)], {}, 1, '', 'odd one')[0]!, 'y');
    await expect(tune(modelOf(b.build()))).rejects.toThrow(/cannot differentiate Tan 'odd one': no gradient rule/);
  });
});

describe('a training on arrays that is stopped', () => {
  it('goes on where it was, to the same end, smaller models and moments included', async () => {
    const model = recurrentModel({ hidden: 12 });
    const settings = { iss: 0.02, epochs: 6 };
    const whole = await tune(model, settings);
    expect(last(whole).units[0]).toBeLessThan(12);
    const store = memoryStore();
    for (const stopAt of [7, 33]) {
      const stop = new AbortController();
      let updates = 0;
      const onBatch = () => {
        updates++;
        if (updates === stopAt) stop.abort();
      };
      const stopped = tune(model, settings, { store, resume: true, signal: stop.signal, onBatch });
      await expect(stopped).rejects.toThrow(/stopped in epoch .*--resume goes on from here/);
    }
    const resumed = await tune(model, settings, { store, resume: true });
    expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    expect(resumed.model).toEqual(whole.model);
    expect(resumed.slim).toEqual(whole.slim);
    expect(resumed.kept).toEqual(whole.kept);
  });
});

describe('what is said of arrays', () => {
  it('names files, examples, and a batch that the model fixes', () => {
    const b = new GraphBuilder('fixed');
    const flat = apply('Flatten', [b.input('x', 'float32', [10, 5, 2])]);
    b.output(matmul(flat, b.parameter('w', randomTensor([10, 2], 1))), 'scores');
    const task = loadedArrays(configOf(base), modelOf(b.build()), data);
    expect(task.notes).toEqual([
      'train.npz: 480 examples, 200 held out in valid.npz',
      'note: the model fixes its batch: 10 examples at a time',
    ]);
    expect(task.data).toMatchObject({ name: 'train.npz', facts: { examples: 480, heldOut: 200 } });
  });
});
