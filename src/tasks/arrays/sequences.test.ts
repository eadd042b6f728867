import { describe, expect, it } from 'vitest';
import { largestDifference, numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { configOf, memoryStore, optionsFor, timeless } from '../../../test/support/training.ts';
import { UsageError } from '../../base/errors.ts';
import type { Settings } from '../../base/fields.ts';
import { floats, int64s } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, apply, matmul, mul, reshape, sigmoid, squeeze, tanh, transpose, unsqueeze } from '../../graph/ops.ts';
import type { Dim, Model, Tensor } from '../../graph/types.ts';
import { finishModels } from '../../train/finish.ts';
import { train } from '../../train/trainer.ts';
import { loadedArrays } from './loadedArrays.ts';

const [COUNT, STEPS, IN, HIDDEN, OUT] = [12, 5, 3, 6, 2];

/** An LSTM that runs for one step: x [B, 3], h and c → out [B, 2], h_next, c_next. */
function lstmStep({
  batch = 'B',
  ending = 'linear',
}: {
  batch?: Dim;
  ending?: 'linear' | 'softmax' | 'fed back';
} = {}) {
  const b = new GraphBuilder('step');
  const x = b.input('x', 'float32', [batch, IN]);
  const states = ['h', 'c'].map((name) => b.input(name, 'float32', [1, batch, HIDDEN]));
  const [y, h, c] = b.node(
    'LSTM',
    [unsqueeze(x, [0]), ...weightsOf(b), undefined, ...states],
    { hidden_size: HIDDEN },
    3,
  );
  const scores = matmul(squeeze(y!, [0, 1]), b.parameter('O', randomTensor([HIDDEN, OUT], 4, 0.5)));
  if (ending === 'fed back') {
    const old = b.input('old', 'float32', [batch, OUT]);
    b.output(sigmoid(add(scores, old)), 'out');
    b.output(b.value('out'), 'new');
  } else b.output(ending === 'softmax' ? apply('Softmax', [scores]) : scores, 'out');
  b.output(h!, 'h_next');
  b.output(c!, 'c_next');
  return modelOf(b.build());
}

/** The same layer over a sequence: x [B, T, 3] → out [B, T, 2]. */
function lstmSequence(): Model {
  const b = new GraphBuilder('sequence');
  const x = b.input('x', 'float32', ['B', 'T', IN]);
  const [y] = b.node('LSTM', [transpose(x, [1, 0, 2]), ...weightsOf(b)], { hidden_size: HIDDEN }, 1);
  const rows = transpose(squeeze(y!, [1]), [1, 0, 2]);
  b.output(matmul(rows, b.parameter('O', randomTensor([HIDDEN, OUT], 4, 0.5))), 'out');
  return modelOf(b.build());
}

function weightsOf(b: GraphBuilder) {
  return (['W', 'R', 'B'] as const).map((name, i) => {
    const dims = { W: [1, 4 * HIDDEN, IN], R: [1, 4 * HIDDEN, HIDDEN], B: [1, 8 * HIDDEN] }[name];
    return b.parameter(name, randomTensor(dims, i + 1, 0.5));
  });
}

/** A frame [1, 1, 3] and a state [1, 4, 2] that holds two cells, of a model that takes one example. */
function frameStep(): Model {
  const b = new GraphBuilder('frames');
  const frame = b.input('frame', 'float32', [1, 1, IN]);
  const state = b.input('state', 'float32', [1, 4, 2]);
  const old = reshape(state, [1, 8]);
  const next = tanh(
    add(
      matmul(reshape(frame, [1, IN]), b.parameter('W', randomTensor([IN, 8], 1))),
      mul(old, b.parameter('r', randomTensor([8], 2))),
    ),
  );
  b.output(reshape(matmul(next, b.parameter('O', randomTensor([8, IN], 3))), [1, 1, IN]), 'out');
  b.output(reshape(next, [1, 4, 2]), 'state_next');
  return modelOf(b.build());
}

const arrays = new Map<string, Tensor>([
  ['x', randomTensor([COUNT, STEPS, IN], 11)],
  ['y', randomTensor([COUNT, STEPS, OUT], 12)],
  [
    'classes',
    int64s(
      [COUNT, STEPS],
      Array.from({ length: COUNT * STEPS }, (_, i) => i % OUT),
    ),
  ],
  ['x1', randomTensor([COUNT, STEPS, 1, IN], 11)],
  ['frames', randomTensor([COUNT, STEPS, IN], 13)],
  ['full', randomTensor([COUNT, STEPS, 1, IN], 13)],
  ['single', randomTensor([COUNT, IN], 14)],
  ['target', randomTensor([COUNT, OUT], 15)],
  ['longer', randomTensor([COUNT, STEPS + 1, IN], 16)],
  ['wide', randomTensor([COUNT, STEPS, IN + 1], 17)],
  ['start', randomTensor([COUNT, 1, HIDDEN], 18)],
  [
    'lengths',
    int64s(
      [COUNT],
      Array.from({ length: COUNT }, (_, i) => 1 + (i % STEPS)),
    ),
  ],
  ['shares', floats([COUNT, STEPS, OUT], new Array(COUNT * STEPS * OUT).fill(0.5))],
]);
const base: Settings = { task: 'arrays', loss: 'mse', targetArray: 'y', epochs: 3, learningRate: 0.02, batch: 4 };
const wired: Settings = { state: { h: 'h_next', c: 'c_next' } };

function loaded(model: Model, settings: Settings = {}, given = arrays) {
  const config = configOf({ ...base, ...settings });
  const task = loadedArrays(config, model, { train: { source: 'd.npz', arrays: given } });
  return { task, options: optionsFor({ config, task }) };
}

async function tuned(model: Model, settings: Settings = {}, given = arrays) {
  const { task, options } = loaded(model, settings, given);
  const trained = await train(options);
  return { ...trained, notes: [...task.notes, ...trained.start.notes], losses: lossesOf(trained.history) };
}

function lossesOf(history: readonly { readonly train: Readonly<Record<string, number>> }[]): number[] {
  return history.map(({ train: scores }) => scores.mse ?? scores.loss!);
}

const weights = (model: Model) =>
  Object.fromEntries([...model.graph.initializers].map(([name, tensor]) => [name, numbersOf(tensor)]));

/** The largest difference of any weight. */
function apart(a: Model, b: Model): number {
  const [first, second] = [weights(a), weights(b)];
  return Math.max(...Object.keys(first).map((name) => largestDifference(first[name]!, second[name]!)));
}

describe('a model of one step on sequences', () => {
  it('is trained as the same layer is that reads the sequence itself', async () => {
    const [step, sequence] = [await tuned(lstmStep(), wired), await tuned(lstmSequence())];
    expect(largestDifference(step.losses, sequence.losses)).toBeLessThan(1e-5);
    expect(apart(step.model, sequence.model)).toBeLessThan(1e-4);
    expect(step.losses.at(-1)).toBeLessThan(step.losses[0]!);
  });

  it('keeps its inputs and outputs, and finds its states by itself', async () => {
    const model = lstmStep();
    const [found, said] = [await tuned(model), await tuned(model, wired)];
    expect(found.model.graph.inputs).toEqual(model.graph.inputs);
    expect(found.model.graph.outputs).toEqual(model.graph.outputs);
    expect(weights(found.model)).toEqual(weights(said.model));
    expect(found.notes).toContain(
      "note: the model runs over the 5 steps of each example: 'h_next' goes in again at 'h', 'c_next' goes in again at 'c'",
    );
  });

  it('that takes one example at a time is trained on as many as are asked for', async () => {
    const [alone, free] = [await tuned(lstmStep({ batch: 1 }), wired), await tuned(lstmStep(), wired)];
    expect(largestDifference(alone.losses, free.losses)).toBeLessThan(1e-5);
    expect(apart(alone.model, free.model)).toBeLessThan(1e-4);
  });

  it('takes frames with and without their axis of size 1', async () => {
    const settings: Settings = { state: { state: 'state_next' }, targetArray: 'frames' };
    const short = await tuned(frameStep(), { ...settings, input: { frame: 'frames' } });
    const full = await tuned(frameStep(), { ...settings, input: { frame: 'full' } });
    expect(weights(short.model)).toEqual(weights(full.model));
    expect(short.losses.at(-1)).toBeLessThan(short.losses[0]!);
    // A batch of one example that is spelled out, where the model leaves its batch open.
    const [plain, spelled] = [
      await tuned(lstmStep(), wired),
      await tuned(lstmStep(), { ...wired, input: { x: 'x1' } }),
    ];
    expect(weights(spelled.model)).toEqual(weights(plain.model));
  });

  it('scores classes at every step, and steps within the lengths alone', async () => {
    const classes: Settings = { ...wired, loss: 'cross-entropy', targetArray: 'classes' };
    const losses = await Promise.all(
      [lstmStep(), lstmStep({ ending: 'softmax' }), lstmStep({ batch: 1, ending: 'softmax' }), lstmSequence()].map(
        async (model, i) => (await tuned(model, { ...classes, ...(i === 3 && { state: undefined }) })).losses,
      ),
    );
    for (const other of losses.slice(1)) expect(largestDifference(other, losses[0]!)).toBeLessThan(1e-5);
    const [step, sequence] = [
      await tuned(lstmStep(), { ...classes, lengths: 'lengths' }),
      await tuned(lstmSequence(), { ...classes, state: undefined, lengths: 'lengths' }),
    ];
    expect(largestDifference(step.losses, sequence.losses)).toBeLessThan(1e-5);
  });

  it('begins with the states that an array gives', async () => {
    const settings: Settings = { ...wired, input: { h: 'start' } };
    const [given, zero] = [await tuned(lstmStep(), settings), await tuned(lstmStep(), wired)];
    const alone = await tuned(lstmStep({ batch: 1 }), settings);
    expect(given.losses[0]).not.toBe(zero.losses[0]);
    expect(largestDifference(given.losses, alone.losses)).toBeLessThan(1e-5);
  });

  it('loses units while it trains, and the slim model computes the same', async () => {
    const settings: Settings = {
      ...wired,
      iss: 0.3,
      threshold: 0.05,
      epochs: 12,
      learningRate: 0.05,
      shrinkEvery: 2,
      trainCollapsed: true,
    };
    const { options } = loaded(lstmStep({ batch: 1 }), settings);
    const trained = await train(options);
    const { slim } = await finishModels(trained, options);
    expect(slim!.layers[0]!.after).toBeLessThan(HIDDEN);
    expect(slim!.verify.maxRelativeDifference).toBeLessThan(1e-5);
  });

  it('goes on after an interruption with the same numbers', async () => {
    const whole = await train(loaded(lstmStep(), wired).options);
    const store = memoryStore();
    await train({ ...loaded(lstmStep(), wired).options, store, untilEpoch: 1 });
    const resumed = await train({ ...loaded(lstmStep(), wired).options, store, resume: true });
    expect(timeless(resumed.history)).toEqual(timeless(whole.history));
    expect(weights(resumed.model)).toEqual(weights(whole.model));
  });
});

it('scores held-out sequences of another length', async () => {
  const valid = new Map([...arrays, ['x', arrays.get('longer')!], ['y', randomTensor([COUNT, STEPS + 1, OUT], 19)]]);
  const config = configOf({ ...base, ...wired });
  const scores = [lstmStep(), lstmStep({ batch: 1 }), lstmSequence()].map(async (model, i) => {
    const given = i < 2 ? config : configOf(base);
    const data = { train: { source: 'd.npz', arrays }, valid: { source: 'v.npz', arrays: valid } };
    const { history } = await train(optionsFor({ config: given, task: loadedArrays(given, model, data) }));
    return history.map((epoch) => epoch.valid!.mse!);
  });
  const [step, alone, sequence] = await Promise.all(scores);
  expect(largestDifference(step!, sequence!)).toBeLessThan(1e-5);
  expect(largestDifference(alone!, sequence!)).toBeLessThan(1e-5);
});

describe('a model of one step on single steps', () => {
  const single: Settings = { input: { x: 'single' }, targetArray: 'target' };

  it('names the weights that no gradient reaches', async () => {
    const { notes, model } = await tuned(lstmStep(), single);
    expect(notes.join('\n')).toMatch(/no gradient reaches R, because 'h', 'c' are always 0: .*sequences \[N, T, …\]/);
    expect(weights(model).R).toEqual(weights(lstmStep()).R);
  });

  it('names the weights that the loss does not depend on', async () => {
    const { graph, ...model } = lstmStep();
    const b = GraphBuilder.from(graph);
    b.output(matmul(b.value('x'), b.parameter('other', randomTensor([IN, 2], 9))), 'aside');
    const { notes } = await tuned({ ...model, graph: b.build() }, { ...wired, output: 'out' });
    expect(notes).toContain('the loss does not depend on other: no gradient reaches them');
    expect(notes.join()).not.toContain('always 0');
  });

  it('says nothing where all weights learn', async () => {
    const start = { input: { x: 'single', h: 'start', c: 'start' }, targetArray: 'target' };
    for (const { notes } of [await tuned(lstmStep(), start), await tuned(lstmStep()), await tuned(lstmSequence())]) {
      expect(notes.join('\n')).not.toMatch(/no gradient|does not depend/);
    }
  });
});

describe('refused are', () => {
  it.each<[string, Settings, RegExp, Model?]>([
    [
      'states that are not there',
      { state: { hh: 'h_next' } },
      /--state hh=h_next: the model has no input 'hh'.*did you mean/,
    ],
    ['outputs that are not there', { state: { h: 'next' } }, /no output 'next'.*it has out, h_next, c_next/],
    [
      'another size',
      { input: { x: 'wide' } },
      /'wide' is \[12, 5, 4\].*\[N, 3\] for examples of one step, or \[N, T, 3\]/,
    ],
    ['targets of another length', { input: { x: 'longer' } }, /\[6, 2\] for each example; array 'y' has \[5, 2\]/],
    ['one target for a sequence', { targetArray: 'target' }, /wants targets like the output 'out', \[5, 2\]/],
    ['sequences where no state is known', { state: {} }, /takes \[3\] for each example; .*--state in=out/],
    [
      'a Sigmoid that is read again',
      { state: { old: 'new', h: 'h_next', c: 'c_next' }, loss: 'bce', targetArray: 'shares', output: 'out' },
      /ends in a Sigmoid that a later step reads again/,
      lstmStep({ ending: 'fed back' }),
    ],
  ])('%s', async (_, settings, message, model = lstmStep()) => {
    const refused = async () => train(loaded(model, settings).options);
    await expect(refused()).rejects.toThrow(UsageError);
    await expect(refused()).rejects.toThrow(message);
  });
});
