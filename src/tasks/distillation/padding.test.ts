import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CLASSES,
  FEATURES,
  scoresOfPair,
  stepWeights,
  stepwise,
  taughtCase,
} from '../../../test/support/distilling.ts';
import { numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { UsageError } from '../../base/errors.ts';
import type { Settings } from '../../base/fields.ts';
import { loadArrays } from '../../data/arrays.ts';
import { int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, apply, div, matmul, mul, reduceSum, softmax, transpose, unsqueeze } from '../../graph/ops.ts';
import type { Dim, Model, Tensor } from '../../graph/types.ts';

/*
 * Examples of different lengths: what is beyond them counts nowhere, in whatever batches. The right numbers are those of
 * the examples one by one, each as long as it is.
 */

const LENGTHS = [3, 4, 1, 4, 2, 4, 1];
/** As many steps as classes, so that sizes alone do not tell them apart. */
const STEPS = CLASSES;
const examples = LENGTHS.map((length, n) => numbersOf(randomTensor([length, FEATURES], 30 + n, 2)));
const rows = (values: readonly number[]) =>
  Array.from({ length: values.length / FEATURES }, (_, t) => values.slice(t * FEATURES, (t + 1) * FEATURES));

let folder: string;
let padded: Map<string, Tensor>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-distil-'));
  writeFileSync(join(folder, 'x.jsonl'), examples.map((x) => `${JSON.stringify({ x: rows(x) })}\n`).join(''));
  padded = await loadArrays(join(folder, 'x.jsonl'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** z of all steps that are there, example after example, and their numbers side by side. */
const numbersBy = (seed: number): number[] => {
  const w = numbersOf(stepWeights(seed));
  return examples.flatMap(rows).flatMap((x) => {
    return Array.from({ length: CLASSES }, (_, k) => x.reduce((sum, v, i) => sum + v * w[i * CLASSES + k]!, 0));
  });
};
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const plain = (z: Value) => z;
const pair = (end: (z: Value, b: GraphBuilder) => Value) => [stepwise(1, end), stepwise(2, end)] as const;
/** What models add to their numbers, so that padding matters. */
const [OWN, THEIRS] = [-1, 1.5];
const shifted = (end: (z: Value) => Value = plain) =>
  [stepwise(1, (z) => end(add(z, OWN))), stepwise(2, (z) => end(add(z, THEIRS)))] as const;

describe('steps beyond the length of an example', () => {
  const [s, t] = [numbersBy(1).map((v) => v + OWN), numbersBy(2).map((v) => v + THEIRS)];
  const squares = mean(s.map((v, i) => (v - t[i]!) ** 2));
  const expected = {
    loss: squares / mean(t.map((v) => (v - mean(t)) ** 2)),
    error: squares / mean(t.map((v) => v ** 2)),
  };

  it.each<[string, Settings, (z: Value) => Value]>([
    ['in one batch', { batch: 16 }, plain],
    ['in batches that are not full', { batch: 3 }, plain],
    ['one by one', { batch: 1 }, plain],
    ['time first', { batch: 3 }, (z) => transpose(z, [1, 0, 2])],
    ['behind an axis of size 1', { batch: 3 }, (z) => unsqueeze(z, [1])],
    ['by the name of the lengths', { batch: 3, lengths: 'x_length' }, plain],
  ])('do not count: %s', async (_, settings, end) => {
    const found = await scoresOfPair(...shifted(end), padded, settings);
    expect(found.loss! / expected.loss).toBeCloseTo(1, 5);
    expect(found.error! / expected.error).toBeCloseTo(1, 5);
  });

  it('count where no length is known', async () => {
    const unmarked = new Map([['x', { ...padded.get('x')! }]]);
    const found = await scoresOfPair(...shifted(), unmarked);
    expect(found.error! / expected.error).not.toBeCloseTo(1, 2);
    expect(found.loss! / expected.loss).not.toBeCloseTo(1, 2);
  });

  it('may be no numbers for the teacher', async () => {
    // Σ x² is 0 where padding is, and 0 / 0 no number.
    const b = new GraphBuilder('teacher');
    const x = b.input('x', 'float32', ['batch', 'time', FEATURES]);
    const norm = reduceSum(mul(x, x), [2], true);
    b.output(mul(add(matmul(x, b.parameter('W', stepWeights(2))), THEIRS), div(norm, norm)), 'y');
    const found = await scoresOfPair(shifted()[0], modelOf(b.build()), padded, { batch: 3 });
    expect(found.loss! / expected.loss).toBeCloseTo(1, 5);
  });

  it('are told of', async () => {
    const { task } = await taughtCase(...pair(plain), padded);
    expect(task.notes).toContain(
      "note: data: 36 of 112 places of 'y' are beyond the lengths of their examples and do not count",
    );
    expect(task.notes.join('\n')).not.toContain('no input for lengths');
  });
});

/** x [batch, time, 3] → Σ over time of x W: [batch, 4]. */
const summed = (seed: number, shape: readonly Dim[] = ['batch', 'time', FEATURES]): Model => {
  const b = new GraphBuilder('summed');
  const z = matmul(b.input('x', 'float32', shape), b.parameter('W', stepWeights(seed)));
  b.output(reduceSum(z, [1]), 'y');
  return modelOf(b.build());
};

describe('an output that has no steps', () => {
  it('counts with all its numbers, as many as they may be', async () => {
    expect(padded.get('x')!.dims).toEqual([LENGTHS.length, STEPS, FEATURES]);
    const found = await scoresOfPair(summed(1), summed(2), padded);
    const plainly = await scoresOfPair(summed(1), summed(2), new Map([['x', { ...padded.get('x')! }]]));
    expect(found).toEqual(plainly);
  });

  it('is said to depend on padding', async () => {
    const { task } = await taughtCase(summed(1), summed(2), padded);
    expect(task.notes.join('\n')).toMatch(/'x' was padded .* no input for lengths: its last steps are padding/);
  });
});

describe('lengths that do not fit are refused:', () => {
  const lengths = (...values: number[]) => int64s([values.length], values);
  const given = (own: Record<string, Tensor>) => new Map(Object.entries({ x: padded.get('x')!, ...own }));

  it.each<[string, Settings, Record<string, Tensor>, RegExp, Model?]>([
    ['none', { lengths: 'l' }, {}, /no array 'l' for --lengths; it has x, x_length|no array 'l'/],
    [
      'too long',
      { lengths: 'l' },
      { l: lengths(1, 1, 5, 1, 1, 1, 1) },
      /the length 5 for example 2; output 'y' has 4 steps/,
    ],
    ['below 0', { lengths: 'l' }, { l: lengths(1, 1, -1, 1, 1, 1, 1) }, /the length -1 for example 2/],
    [
      'several of an example',
      { lengths: 'x' },
      {},
      /'x' of data is \[7, 4, 3\]; lengths are one number for each example/,
    ],
    ['of other examples', { lengths: 'l' }, { l: lengths(1, 2) }, /'l' is \[2\], but there are 7 examples/],
    ['all of them 0', { lengths: 'l' }, { l: lengths(0, 0, 0, 0, 0, 0, 0) }, /data: no step of output 'y' counts/],
    ['without steps', { lengths: 'l' }, { l: lengths(1, 1, 1, 1, 1, 1, 1) }, /--lengths l has no effect/, summed(1)],
  ])('%s', async (_, settings, own, message, model) => {
    const [student, teacher] = model ? [model, model] : pair(plain);
    const refused = taughtCase(student, teacher, given(own), settings);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(UsageError);
  });
});

it('steps are told by their name, also where an operator spells their number out', async () => {
  const reshaped = pair((z, b) => apply('Reshape', [softmax(z), b.ints([0, -1, CLASSES])]));
  const found = await scoresOfPair(...reshaped, padded, { batch: 2 });
  const [p, t] = [1, 2].map((seed) => {
    const z = numbersBy(seed);
    return Array.from({ length: z.length / CLASSES }, (_, r) => {
      const row = z.slice(r * CLASSES, (r + 1) * CLASSES).map(Math.exp);
      return row.map((v) => v / row.reduce((a, c) => a + c));
    });
  }) as [number[][], number[][]];
  const divergence = mean(t.map((row, r) => row.reduce((sum, v, k) => sum + v * Math.log(v / p[r]![k]!), 0)));
  expect(found.loss).toBeCloseTo(divergence, 5);
});
