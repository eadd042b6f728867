import { describe, expect, it } from 'vitest';
import { CLASSES, FEATURES, scoresOfPair, stepwise, taughtCase } from '../../../test/support/distilling.ts';
import { numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { trainBatches } from '../../../test/support/training.ts';
import { UsageError } from '../../base/errors.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { floatToHalf } from '../../graph/half.ts';
import { modelOf } from '../../graph/model.ts';
import { cast, div, dropout, logSoftmax, softmax } from '../../graph/ops.ts';
import type { Dim, Model } from '../../graph/types.ts';
import { answersName } from './lossGraph.ts';
import { varianceOf } from './problem.ts';
import type { Taught } from './taught.ts';
import { emptyAnswers } from './teach.ts';

/*
 * What a teacher says to the examples: all of them, once, in its own batches.
 */

const [COUNT, STEPS] = [5, 3];
const x = randomTensor([COUNT, STEPS, FEATURES], 11, 2);
const arrays = new Map([['x', x]]);
const student = stepwise(1, (z) => softmax(z));

/** The answers that the examples have in their batches, by the first number of the example. */
async function answersOf(teacher: Model, batch: number): Promise<Map<number, number[]>> {
  const { problem } = (await taughtCase(student, teacher, arrays, { batch, batchAxis: { x: 0 } })).task;
  const batches = trainBatches(problem);
  const feeds = batches.feeds(batches.shapeOf(0));
  const found = new Map<number, number[]>();
  for (let i = 0; i < batches.count; i++) {
    const count = batches.fill(i, feeds);
    const [inputs, answers] = [numbersOf(feeds.x!), numbersOf(feeds[answersName(0)]!)];
    const each = STEPS * CLASSES;
    for (let n = 0; n < count; n++) found.set(inputs[n * STEPS * FEATURES]!, answers.slice(n * each, (n + 1) * each));
  }
  return found;
}

/** The same model for batches of one size. */
function withBatch({ graph, ...model }: Model, size: Dim): Model {
  const inputs = graph.inputs.map((info) => ({
    ...info,
    type: { ...info.type, shape: [size, ...info.type.shape!.slice(1)] },
  }));
  return { ...model, graph: { ...graph, inputs } };
}

describe('the answers', () => {
  const teacher = stepwise(2, (z) => softmax(z));

  it('stand beside their examples in every batch, whatever batches the teacher wants', async () => {
    const whole = await answersOf(teacher, 16);
    expect(whole.size).toBe(COUNT);
    for (const values of whole.values()) {
      for (let t = 0; t < STEPS; t++) {
        expect(values.slice(t * CLASSES, (t + 1) * CLASSES).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      }
    }
    for (const other of [
      await answersOf(teacher, 2),
      await answersOf(withBatch(teacher, 3), 2),
      await answersOf(withBatch(teacher, 1), 4),
    ]) {
      for (const [n, values] of whole) {
        expect(other.get(n)!.length).toBe(values.length);
        other.get(n)!.forEach((value, i) => {
          expect(value).toBeCloseTo(values[i]!, 6);
        });
      }
    }
  });

  it('are probabilities, where a teacher says logarithms', async () => {
    const [plain, logs] = [
      await answersOf(teacher, 2),
      await answersOf(
        stepwise(2, (z) => logSoftmax(z)),
        2,
      ),
    ];
    for (const [n, values] of plain)
      logs.get(n)!.forEach((value, i) => {
        expect(value).toBeCloseTo(values[i]!, 6);
      });
  });

  it('are those of a teacher at work, without dropout', async () => {
    const dropping = stepwise(2, (z) => softmax(dropout(z, 0.5)));
    expect(await scoresOfPair(student, dropping, arrays)).toEqual(await scoresOfPair(student, teacher, arrays));
  });
});

/** A model with all that is float32 in half precision, and an output that is cast. */
function halved(model: Model, isCast: boolean): Model {
  const { graph } = model;
  const half = <T extends { type: { elementType: string } }>(v: T) => ({
    ...v,
    type: { ...v.type, elementType: 'float16' as const },
  });
  const initializers = [...graph.initializers].map(([name, t]) => {
    const data = Uint16Array.from(t.data as Float32Array, floatToHalf);
    return [name, { elementType: 'float16' as const, dims: t.dims, data }] as const;
  });
  const made = {
    ...graph,
    inputs: graph.inputs.map(half),
    outputs: graph.outputs.map(half),
    initializers: new Map(initializers),
  };
  if (!isCast) return { ...model, graph: made };
  const b = GraphBuilder.from(made, { keepOutputs: false });
  b.output(cast(b.value('y'), 'float32'), 'z');
  return modelOf(b.build());
}

it.each([
  ['as it is', false],
  ['cast', true],
])('half precision teaches, and learns, in float32: an output %s', async (_, isCast) => {
  const [narrow, wide] = [
    halved(student, isCast),
    halved(
      stepwise(2, (z) => softmax(z)),
      isCast,
    ),
  ];
  const expected = await scoresOfPair(
    student,
    stepwise(2, (z) => softmax(z)),
    arrays,
  );
  for (const [own, theirs] of [
    [narrow, wide],
    [student, wide],
    [narrow, stepwise(2, (z) => softmax(z))],
  ] as const) {
    const found = await scoresOfPair(own, theirs, arrays);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    expect(found.loss! / expected.loss!).toBeCloseTo(1, 2);
    expect(found.loss).not.toBe(expected.loss);
  }
});

it('an answer that is no number is refused by its example', async () => {
  const teacher = stepwise(2, (z) => div(softmax(z), 0));
  const refused = taughtCase(
    stepwise(1, (z) => z),
    teacher,
    arrays,
  );
  await expect(refused).rejects.toThrow(
    "the teacher's output 'y' is Infinity for example 0 of data; leave that example out",
  );
  await expect(refused).rejects.toThrow(UsageError);
});

it('more answers than an array holds are refused', () => {
  const output = { places: [1e6], classes: 1e4, teacher: { name: 'logits' } } as unknown as Taught;
  expect(() => emptyAnswers(output, 1e6)).toThrow(UsageError);
  expect(() => emptyAnswers(output, 1e6)).toThrow(
    /^the teacher's output 'logits' takes .*B for 1 000 000 examples; give fewer examples, or leave it out with --outputs$/,
  );
});

it('the variance of answers is that of the places that count; 1 where there is none', () => {
  const values = Float32Array.of(1, 3, 100, 100, 2, 6);
  expect(varianceOf(values, Uint8Array.of(1, 0, 1))).toBeCloseTo(3.5, 12);
  expect(varianceOf(Float32Array.of(5, 5, 5), Uint8Array.of(1, 1, 1))).toBe(1);
  expect(varianceOf(Float32Array.of(1000.5, 1000, 9), Uint8Array.of(1, 1, 0))).toBeCloseTo(0.0625, 6);
});
