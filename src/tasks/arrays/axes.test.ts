import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { configOf } from '../../../test/support/training.ts';
import type { Settings } from '../../base/fields.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { apply, matmul, reshape, softmax, squeeze, transpose, unsqueeze } from '../../graph/ops.ts';
import type { Dim, Model, Tensor } from '../../graph/types.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { createScorer } from '../../train/scorer.ts';
import { scoresOf } from '../score.ts';
import { loadedArrays } from './loadedArrays.ts';

/*
 * Examples are told from steps and classes by what the graph does with them, not by the order of axes: the same layer in
 * every layout scores the same examples alike.
 */

const [count, time, features, classes] = [7, 5, 3, 5];

/** How the LSTM's input and output are laid out: t steps, b examples, c features and classes. */
type Layout = 'tbc' | 'btc' | 'bct' | 'tc';

interface Form {
  readonly layout: Layout;
  readonly shape: readonly Dim[];
  readonly ending?: (y: Value) => Value;
}

/** x → LSTM → scores of classes for each step, both in a layout. */
function tagger({ layout, shape, ending = (y) => y }: Form): Model {
  const b = new GraphBuilder('tagger');
  const x = b.input('x', 'float32', shape);
  const weight = (name: string, dims: number[], seed: number) => b.parameter(name, randomTensor(dims, seed, 0.5));
  const inwards = { tbc: (v: Value) => v, btc: turn(1, 0, 2), bct: turn(2, 0, 1), tc: (v: Value) => unsqueeze(v, [1]) };
  const outwards = { tbc: (v: Value) => v, btc: turn(1, 0, 2), bct: turn(1, 2, 0), tc: (v: Value) => squeeze(v, [1]) };
  const y = apply('LSTM', [inwards[layout](x), weight('W', [1, 24, features], 1), weight('R', [1, 24, 6], 2)], {
    hidden_size: 6,
  });
  const scores = matmul(squeeze(y, [1]), weight('V', [6, classes], 3));
  b.output(outwards[layout](ending(scores)), 'y');
  return modelOf(b.build());
}

const turn =
  (...order: number[]) =>
  (v: Value) =>
    transpose(v, order);

const x = randomTensor([count, time, features], 4);
const tags = int64s(
  [count, time],
  Array.from({ length: count * time }, (_, i) => (i * 3) % classes),
);

async function lossOf(model: Model, settings: Settings = {}, arrays: Record<string, Tensor> = {}): Promise<number> {
  const config = configOf({ task: 'arrays', loss: 'cross-entropy', targetArray: 'tags', batch: 4, ...settings });
  const named = new Map(Object.entries({ x, tags, ...arrays }));
  const data = { source: 'data', arrays: named };
  const { problem } = loadedArrays(config, model, { train: data, valid: data });
  const scorer = createScorer(model, { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
  try {
    return scoresOf(problem.scores, await scorer.score('valid')).loss!;
  } finally {
    await scorer.release();
  }
}

/** x and y as [N, features, T]. */
function channelsFirst(): Tensor {
  const data = new Float32Array(count * features * time);
  for (let n = 0; n < count; n++)
    for (let t = 0; t < time; t++)
      for (let i = 0; i < features; i++)
        data[(n * features + i) * time + t] = Number(x.data[(n * time + t) * features + i]);
  return { ...x, dims: [count, features, time], data };
}

describe('the same examples in every layout', () => {
  const right = lossOf(tagger({ layout: 'btc', shape: ['batch', 'time', features] }));
  it.each<[string, Form, Record<string, Tensor>?]>([
    ['time first, unnamed', { layout: 'tbc', shape: ['s0', 's1', features] }],
    ['batch first, unnamed', { layout: 'btc', shape: ['s77', 's27', features] }],
    ['names of an exporter', { layout: 'tbc', shape: ['x_dynamic_axes_1', 'x_dynamic_axes_2', features] }],
    ['batch fixed at 1, time first', { layout: 'tbc', shape: ['time', 1, features] }],
    ['batch fixed at 1, in front', { layout: 'btc', shape: [1, 'time', features] }],
    ['batch and time fixed', { layout: 'tbc', shape: [time, 7, features] }],
    ['no axis for examples', { layout: 'tc', shape: ['time', features] }],
    // As many classes as steps: their axis is that of the layer that makes them.
    ['classes before the steps', { layout: 'bct', shape: ['s0', features, 's1'] }, { x: channelsFirst() }],
    [
      'classes before the steps, after a softmax',
      { layout: 'bct', shape: ['s0', features, 's1'], ending: (y) => softmax(y, -1) },
      { x: channelsFirst() },
    ],
  ])('%s', async (_, form, arrays) => {
    expect(await lossOf(tagger(form), {}, arrays)).toBeCloseTo(await right, 5);
  });
});

describe('what nothing tells is asked for', () => {
  const open = (shape: readonly Dim[], make: (x: Value, b: GraphBuilder) => Value): Model => {
    const b = new GraphBuilder('open');
    b.output(make(b.input('x', 'float32', shape), b), 'y');
    return modelOf(b.build());
  };
  it('examples', async () => {
    const model = open(['p', 'q', features], (v, b) => matmul(v, b.parameter('V', randomTensor([features, classes]))));
    await expect(lossOf(model)).rejects.toThrow(/which axis of 'x' \[p, q, 3\].*--batch-axis x=AXIS/);
    expect(await lossOf(model, { batchAxis: { x: 0 } })).toBeCloseTo(await lossOf(model, { batchAxis: { x: 1 } }), 5);
  });

  it('examples whose name says otherwise than the layer', async () => {
    const model = tagger({ layout: 'tbc', shape: ['batch', 'time', features] });
    await expect(lossOf(model)).rejects.toThrow(
      /axis 0 is called 'batch', but a recurrent layer reads it as the steps/,
    );
  });

  it('examples that would fit along another axis', async () => {
    const model = open([1, time, features], (v, b) => matmul(v, b.parameter('V', randomTensor([features, classes]))));
    const other = { x: randomTensor([count, 1, features]) };
    await expect(lossOf(model, {}, other)).rejects.toThrow(/takes \[5, 3\] for each example.*--batch-axis x=1/);
  });

  it('classes', async () => {
    // Five steps and five classes, and a matrix over the steps: both axes come from weights.
    const model = open(['batch', time, features], (v, b) => {
      const scores = matmul(v, b.parameter('V', randomTensor([features, classes], 1)));
      return matmul(b.parameter('M', randomTensor([time, time], 2)), scores);
    });
    await expect(lossOf(model)).rejects.toThrow(/which axis of output 'y' \[batch, 5, 5\].*--class-axis AXIS/);
    const [last, first] = [await lossOf(model, { classAxis: 2 }), await lossOf(model, { classAxis: 1 })];
    expect(Math.abs(last - first)).toBeGreaterThan(1e-4);
    await expect(lossOf(model, { classAxis: 0 })).rejects.toThrow(/classes along axis 0/);
  });

  it('an output that puts examples and steps together', async () => {
    const model = open(['batch', 'time', features], (v, b) =>
      reshape(matmul(v, b.parameter('V', randomTensor([features, classes]))), [-1, classes]),
    );
    await expect(lossOf(model)).rejects.toThrow(/'y' \[5\*batch, 5\] has no axis of its own for the examples/);
  });
});
