import { describe, expect, it } from 'vitest';
import {
  CLASSES,
  FEATURES,
  scoresOfPair,
  stepWeights,
  stepwise,
  taughtCase,
} from '../../../test/support/distilling.ts';
import { numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { wrongLossGradients } from '../../../test/support/lossCheck.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import {
  add,
  logSoftmax,
  matmul,
  mul,
  reduceMean,
  reshape,
  sigmoid,
  softmax,
  transpose,
  unsqueeze,
} from '../../graph/ops.ts';
import type { Model } from '../../graph/types.ts';

/*
 * The loss of each kind of output, against numbers computed here in float64.
 */

const [COUNT, STEPS] = [7, 5];
const [STUDENT, TEACHER] = [1, 2];
const x = randomTensor([COUNT, STEPS, FEATURES], 11, 2);
const arrays = new Map([['x', x]]);

/** z = x W of every step, [N · T][4] */
function scoresBy(seed: number): number[][] {
  const [inputs, w] = [numbersOf(x), numbersOf(stepWeights(seed))];
  return Array.from({ length: COUNT * STEPS }, (_, row) =>
    Array.from({ length: CLASSES }, (_, k) => {
      let sum = 0;
      for (let i = 0; i < FEATURES; i++) sum += inputs[row * FEATURES + i]! * w[i * CLASSES + k]!;
      return sum;
    }),
  );
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const best = (values: readonly number[]) => values.indexOf(Math.max(...values));
const softmaxOf = (z: readonly number[]) => {
  const total = z.reduce((sum, v) => sum + Math.exp(v), 0);
  return z.map((v) => Math.exp(v) / total);
};
const [own, theirs] = [scoresBy(STUDENT), scoresBy(TEACHER)];
const power = (values: readonly number[]) => mean(values.map((v) => v ** 2));
const errorOf = (s: readonly number[], t: readonly number[]) => power(s.map((v, i) => v - t[i]!)) / power(t);

describe('classes', () => {
  const [p, t] = [own.map(softmaxOf), theirs.map(softmaxOf)];
  const divergence = mean(t.map((row, r) => row.reduce((sum, v, k) => sum + v * Math.log(v / p[r]![k]!), 0)));

  const endings: [string, (z: Value) => Value][] = [
    ['a softmax [B, T, K]', (z) => softmax(z)],
    ['its logarithm', (z) => logSoftmax(z)],
    ['a softmax over an inner axis [B, K, T]', (z) => softmax(transpose(z, [0, 2, 1]), 1)],
    ['a softmax that is turned afterwards [T, K, B]', (z) => transpose(softmax(z), [1, 2, 0])],
    ['a softmax over the first axis [K, T, B]', (z) => softmax(transpose(z, [2, 1, 0]), 0)],
    ['a softmax with an axis of size 1 [B, 1, T, K]', (z) => reshape(softmax(z), [0, 1, -1, CLASSES])],
    ['a softmax behind a mean of one [B, T, K]', (z) => reduceMean(unsqueeze(softmax(z), [1]), [1])],
  ];
  it.each(endings)('diverge as Kullback and Leibler have it: %s', async (_, end) => {
    const found = await scoresOfPair(stepwise(STUDENT, end), stepwise(TEACHER, end), arrays);
    expect(found.loss).toBeCloseTo(divergence, 5);
    expect(found.agreement).toBeCloseTo(mean(t.map((row, r) => Number(best(row) === best(p[r]!)))), 6);
    expect(found.error).toBeCloseTo(errorOf(p.flat(), t.flat()), 5);
    expect(found['SNR (dB)']).toBeCloseTo(-10 * Math.log10(errorOf(p.flat(), t.flat())), 3);
    expect(Object.keys(found)).toEqual(['agreement', 'error', 'SNR (dB)', 'loss']);
  });

  it('are laid out by each model in its own way', async () => {
    const student = stepwise(STUDENT, (z) => transpose(logSoftmax(z), [1, 2, 0]));
    for (const [, end] of endings) {
      const found = await scoresOfPair(student, stepwise(TEACHER, end), arrays);
      expect(found.loss).toBeCloseTo(divergence, 5);
      expect(found.error).toBeCloseTo(errorOf(p.flat(), t.flat()), 5);
    }
  });

  it('of a softmax far out stay finite', async () => {
    const far = (z: Value) => softmax(mul(z, 60));
    const found = await scoresOfPair(stepwise(STUDENT, far), stepwise(TEACHER, far), arrays);
    expect(found.loss).toBeGreaterThan(10);
    expect(found.loss).toBeLessThan(1000);
  });
});

describe('probabilities', () => {
  const sigma = (v: number) => 1 / (1 + Math.exp(-v));
  const [p, t] = [own.flat().map(sigma), theirs.flat().map(sigma)];
  const both = (v: number, q: number) => v * Math.log(v / q) + (1 - v) * Math.log((1 - v) / (1 - q));
  const divergence = mean(t.map((v, i) => both(v, p[i]!)));

  it('diverge as those of two classes, each for itself', async () => {
    const found = await scoresOfPair(stepwise(STUDENT, sigmoid), stepwise(TEACHER, sigmoid), arrays);
    expect(found.loss).toBeCloseTo(divergence, 5);
    expect(found.agreement).toBeCloseTo(mean(t.map((v, i) => Number(v > 0.5 === p[i]! > 0.5))), 6);
    expect(found.error).toBeCloseTo(errorOf(p, t), 5);
  });

  it('stay such behind a mean of one', async () => {
    const end = (z: Value) => reduceMean(sigmoid(unsqueeze(z, [3])), [3]);
    expect((await scoresOfPair(stepwise(STUDENT, end), stepwise(TEACHER, end), arrays)).loss).toBeCloseTo(
      divergence,
      5,
    );
    // A mean of several is no probability any more.
    const several = (z: Value) => reduceMean(sigmoid(z), [2]);
    const found = await scoresOfPair(stepwise(STUDENT, several), stepwise(TEACHER, several), arrays);
    expect(found.agreement).toBeUndefined();
  });

  it('far out stay finite', async () => {
    const far = (z: Value) => sigmoid(mul(z, 100));
    const found = await scoresOfPair(stepwise(STUDENT, far), stepwise(TEACHER, far), arrays);
    expect(found.loss).toBeGreaterThan(10);
    expect(found.loss).toBeLessThan(1000);
  });
});

describe('numbers', () => {
  const [s, t] = [own.flat(), theirs.flat()];
  const middle = mean(t);
  const share = mean(s.map((v, i) => (v - t[i]!) ** 2)) / mean(t.map((v) => (v - middle) ** 2));

  it('are apart by a share of the variance of the answers', async () => {
    const end = (z: Value) => transpose(z, [1, 0, 2]);
    const found = await scoresOfPair(stepwise(STUDENT, end), stepwise(TEACHER, end), arrays);
    expect(found.loss).toBeCloseTo(share, 5);
    expect(found.error).toBeCloseTo(errorOf(s, t), 5);
    expect(Object.keys(found)).toEqual(['error', 'SNR (dB)', 'loss']);
  });

  it('that are the same for all are apart by the squared error', async () => {
    const one = stepwise(TEACHER, (z) => add(mul(z, 0), 1));
    const found = await scoresOfPair(
      stepwise(STUDENT, (z) => z),
      one,
      arrays,
    );
    expect(found.loss! / mean(s.map((v) => (v - 1) ** 2))).toBeCloseTo(1, 5);
  });

  it('that are all 0 have no power to compare with', async () => {
    const zero = stepwise(TEACHER, (z) => mul(z, 0));
    const found = await scoresOfPair(
      stepwise(STUDENT, (z) => z),
      zero,
      arrays,
    );
    expect(found.error! / power(s)).toBeCloseTo(1, 5);
  });
});

/** Numbers of every step, the classes of the sum over all steps, and the numbers as whole ones. */
function several(seed: number): Model {
  const b = new GraphBuilder('several');
  const z = matmul(b.input('x', 'float32', ['batch', 'time', FEATURES]), b.parameter('W', stepWeights(seed)));
  b.output(z, 'numbers');
  b.output(softmax(b.node('ReduceSum', [z, b.ints([1])], { keepdims: 0 })[0]!), 'classes');
  b.output(b.node('Cast', [z], { to: 7 })[0]!, 'whole');
  return modelOf(b.build());
}

describe('several outputs', () => {
  it('have a mean loss, whatever their places; whole numbers are left out', async () => {
    const both = await scoresOfPair(several(STUDENT), several(TEACHER), arrays);
    const alone = await Promise.all(
      ['numbers', 'classes'].map((name) =>
        scoresOfPair(several(STUDENT), several(TEACHER), arrays, { outputs: [name] }),
      ),
    );
    const [numbers, classes] = alone as [Record<string, number>, Record<string, number>];
    expect(both.loss).toBeCloseTo((numbers.loss! + classes.loss!) / 2, 5);
    expect(both.error).toBeCloseTo((numbers.error! + classes.error!) / 2, 5);
    expect(both.agreement).toBe(classes.agreement);
    expect(Object.keys(both)).toEqual(['error', 'SNR (dB)', 'agreement', 'loss']);
  });

  it('have a gradient that is the slope of that loss', async () => {
    const { task } = await taughtCase(several(STUDENT), several(TEACHER), arrays);
    expect(await wrongLossGradients(task.model(), task.problem)).toEqual([]);
  });
});

describe('a student that is its teacher', () => {
  const endings: [string, (z: Value) => Value][] = [
    ['classes', (z) => softmax(z)],
    ['probabilities', sigmoid],
    ['numbers', (z) => z],
  ];
  it.each(endings)('has no loss and no error: %s', async (_, end) => {
    const found = await scoresOfPair(stepwise(STUDENT, end), stepwise(STUDENT, end), arrays);
    expect(Math.abs(found.loss!)).toBeLessThan(1e-6);
    expect(found.error).toBeLessThan(1e-12);
    expect(found['SNR (dB)']).toBeGreaterThan(120);
    if (found.agreement !== undefined) expect(found.agreement).toBe(1);
  });
});
