import { describe, expect, it } from 'vitest';
import { randomTensor } from '../../../test/support/graphs.ts';
import { configOf, optionsFor } from '../../../test/support/training.ts';
import { UsageError } from '../../base/errors.ts';
import type { Settings } from '../../base/fields.ts';
import { floats, int64s } from '../../graph/attributes.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, matmul, reduceSum, sigmoid, softmax } from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { train } from '../../train/trainer.ts';
import { loadedArrays } from './loadedArrays.ts';

/*
 * Model, data and configuration that do not fit together: one message that says what was expected and what was given.
 */

const count = 6;
const arrays = new Map<string, Tensor>([
  ['x', randomTensor([count, 3, 2], 1)],
  ['y', int64s([count], [0, 1, 2, 3, 0, 1])],
  ['steps', int64s([count, 3], new Array(18).fill(1))],
  ['real', floats([count], [0, 1, 0.5, 0.2, 1, 0])],
  ['wide', floats([count, 4], new Array(24).fill(2))],
  ['shares', floats([count, 4], new Array(24).fill(0.25))],
  ['few', int64s([4], [0, 1, 2, 3])],
  ['large', int64s([count], [0, 1, 2, 4, 0, 1])],
  ['long', int64s([count], [3, 3, 4, 3, 3, 3])],
  ['none', int64s([count], [-1, -1, -1, -1, -1, -1])],
  ['flat', randomTensor([count, 6], 2)],
  ['ragged', randomTensor([count, 3, 3], 2)],
  ['half', floats([count, 3], new Array(18).fill(0.5))],
  [
    'holes',
    floats(
      [count, 3, 2],
      Array.from({ length: 36 }, (_, i) => (i === 7 ? Number.NaN : i)),
    ),
  ],
  [
    'tall',
    floats(
      [count, 3, 2],
      Array.from({ length: 36 }, (_, i) => (i === 9 ? Number.POSITIVE_INFINITY : i)),
    ),
  ],
  ['endless', floats([count, 4], new Array(24).fill(Number.POSITIVE_INFINITY))],
]);

type Ending = 'logits' | 'softmax' | 'sigmoid' | 'steps' | 'two';

/** x [batch, time, 2] → y [batch, 4], or [batch, time, 4]. */
function small(ending: Ending = 'logits', shape: readonly (number | string)[] = ['batch', 'time', 2]): Model {
  const b = new GraphBuilder('small');
  const x = b.input('x', 'float32', shape);
  const scores = matmul(ending === 'steps' ? x : reduceSum(x, [1]), b.parameter('w', randomTensor([2, 4], 1)));
  const end = { softmax, sigmoid, logits: undefined, steps: undefined, two: undefined }[ending];
  b.output(end ? end(scores) : scores, 'scores');
  if (ending === 'two') b.output(add(scores, 1), 'more');
  return modelOf(b.build());
}

/** The small model with another value in its weight. */
function withWeight(value: number): Model {
  const model = small();
  const w = model.graph.initializers.get('w')!;
  const data = Float32Array.from(w.data as Float32Array, (old, i) => (i === 3 ? value : old));
  return { ...model, graph: { ...model.graph, initializers: new Map([['w', { ...w, data }]]) } };
}

const classes = { loss: 'cross-entropy', targetArray: 'y' } as const;
const cases: [title: string, settings: Settings, message: RegExp, model?: Model][] = [
  ['a missing target', { ...classes, targetArray: 'step' }, /no array 'step'.*did you mean 'steps'.*it has x, y/],
  ['an unknown output', { ...classes, output: 'score' }, /no output 'score'.*did you mean 'scores'/],
  ['two outputs', classes, /outputs scores, more; .*--target-array ARRAY=OUTPUT/, small('two')],
  ['an unknown input', { ...classes, input: { z: 'x' } }, /no input 'z'.*it has x/],
  ['an input without its array', { ...classes, input: { x: 'absent' } }, /no array 'absent'/],
  ['NaN in an input', { ...classes, input: { x: 'holes' } }, /array 'holes' of .* has the value NaN at position 7/],
  ['infinity in an input', { ...classes, input: { x: 'tall' } }, /array 'tall' of .* the value Infinity at position 9/],
  ['NaN in a weight', classes, /tensor 'w' of the model has the value NaN at position 3/, withWeight(Number.NaN)],
  ['an infinite weight', classes, /tensor 'w' of .* has the value -Infinity at position 3/, withWeight(-Infinity)],
  ['too few axes', { ...classes, input: { x: 'flat' } }, /'flat' is \[6, 6\].*takes \[time, 2\] for each example/],
  ['a wrong size', { ...classes, input: { x: 'ragged' } }, /'ragged' is \[6, 3, 3\].*\[time, 2\]/],
  ['another number of examples', { ...classes, targetArray: 'few' }, /'few' is \[4\], but there are 6 examples/],
  ['classes as real numbers', { ...classes, targetArray: 'real' }, /'real'.*float32.*whole numbers/],
  ['a class that is not there', { ...classes, targetArray: 'large' }, /class 4 at position 3.*0 to 3/],
  [
    'a target for each step',
    { ...classes, targetArray: 'steps' },
    /one class index for each place.*\[3\] for each example/,
  ],
  ['one target for all steps', classes, /output 'scores', which is \[3, 4\] for each example/, small('steps')],
  ['real targets of another shape', { loss: 'mse', targetArray: 'real' }, /targets like the output 'scores', \[4\]/],
  [
    'real targets for classes',
    { ...classes, targetArray: 'wide' },
    /for targets like the output itself there are --loss mse/,
  ],
  ['no probabilities', { loss: 'bce', targetArray: 'wide' }, /value 2 .*probabilities from 0 to 1/],
  ['no finite number', { loss: 'mse', targetArray: 'endless' }, /value Infinity .*finite numbers/],
  ['nothing that counts', { ...classes, targetArray: 'none' }, /no target of 'none' counts/],
  ['lengths without effect', { ...classes, lengths: 'long' }, /--lengths long has no effect/],
  [
    'a length beyond the steps',
    { ...classes, targetArray: 'steps', lengths: 'long' },
    /length 4 for example 2; the targets have 3 steps/,
    small('steps'),
  ],
  [
    'lengths for each step',
    { ...classes, targetArray: 'steps', lengths: 'half' },
    /one number for each example/,
    small('steps'),
  ],
  ['a mask of another shape', { ...classes, mask: 'x' }, /'x'.*must begin like the targets/],
  ['a mask of halves', { ...classes, targetArray: 'steps', mask: 'half' }, /a mask is 0 or 1/, small('steps')],
  ['an axis that is not there', { ...classes, batchAxis: { x: 3 } }, /--batch-axis x=3.*axes 0 to 2/],
  [
    'an axis that nothing tells',
    classes,
    /which axis of 'x' \[3, rows, columns\].*--batch-axis x=AXIS/,
    small('logits', [3, 'rows', 'columns']),
  ],
  ['a weight that is not there', { ...classes, freeze: ['v'] }, /--freeze v: no weight has such a name.* w$/],
  ['nothing left to train', { ...classes, freeze: ['*'] }, /nothing to train: all of them are frozen/],
  [
    'a softmax for bce',
    { loss: 'bce', targetArray: 'wide' },
    /value 2|ends in Softmax, which --loss cross-entropy goes with/,
    small('softmax'),
  ],
  ['a sigmoid for classes', classes, /ends in Sigmoid, which --loss bce goes with/, small('sigmoid')],
  ['λ below 0', { ...classes, iss: -1 }, /iss: expected at least 0, got -1/],
  ['a rate of 0', { ...classes, learningRate: 0 }, /learningRate: expected more than 0, got 0/],
];

/** Trains a model for an epoch. */
async function tune(model: Model, data: ReadonlyMap<string, Tensor>, settings: Settings): Promise<void> {
  const config = configOf({ task: 'arrays', epochs: 1, threads: 1, ...settings });
  const task = loadedArrays(config, model, { train: { source: 'the data', arrays: data } });
  await train(optionsFor({ config, task }));
}

describe('what does not fit', () => {
  it.each(cases)('%s', async (_, settings, message, model = small()) => {
    const refused = tune(model, arrays, settings);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(UsageError);
  });

  it('a model without weights', async () => {
    const b = new GraphBuilder('constant');
    b.output(reduceSum(b.input('x', 'float32', ['batch', 'time', 2]), [1]), 'y');
    const data = new Map([...arrays, ['t', floats([count, 2], new Array(12).fill(0))]]);
    const refused = tune(modelOf(b.build()), data, { loss: 'mse', targetArray: 't' });
    await expect(refused).rejects.toThrow(/nothing to train: it holds no float32 or float16 weights/);
  });

  it('held-out examples', () => {
    const config = configOf({ task: 'arrays', epochs: 1, ...classes });
    const others = new Map([['x', randomTensor([count, 3, 2], 1)]]);
    const sources = { train: { source: 'one', arrays }, valid: { source: 'other', arrays: others } };
    expect(() => loadedArrays(config, small(), sources)).toThrow("other has no array 'y'");
  });
});
