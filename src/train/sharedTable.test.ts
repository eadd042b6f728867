import { describe, expect, it } from 'vitest';
import { randomNumbers } from '../../test/support/graphs.ts';
import { plainSetup, plainState, trainBatches } from '../../test/support/training.ts';
import { type Window, windowProblem } from '../../test/support/windows.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, gather, matmul, tanh, transpose } from '../graph/ops.ts';
import type { Model } from '../graph/types.ts';
import { LOGITS, TOKENS } from '../models/languageModel.ts';

/*
 * Tables that a model uses more than once: the gradient of a row is the sum over all its uses. The expected updates are
 * computed word by word in plain loops.
 */

const VOCABULARY = 5;
const WIDTH = 3;
const [TIME, BATCH, RATE] = [4, 2, 0.3];

const random = randomNumbers(1);
const table = Array.from({ length: VOCABULARY * WIDTH }, () => 2 * random() - 1);

/** Words of a window and what follows them; word 4 comes in the second one only, word 0 twice in the first. */
const windows: readonly Window[] = [
  { tokens: [0, 1, 2, 0, 3, 3, 1, 2], targets: [1, 2, 0, 3, 4, 1, 2, 2] },
  { tokens: [4, 4, 0, 1, 2, 0, 4, 1], targets: [0, 1, 1, 2, 3, 0, 1, 4] },
];

/** A model of one table E [V, w]; `logitsOf` makes logits [T, B, V] of it and of the words. */
function modelWith(logitsOf: (table: Value, tokens: Value) => Value): Model {
  const b = new GraphBuilder('shared_table');
  const parameter = b.parameter('table', floats([VOCABULARY, WIDTH], table));
  const tokens = b.input(TOKENS, 'int32', ['time', 'batch']);
  b.output(logitsOf(parameter, tokens), LOGITS);
  return modelOf(b.build());
}

/** Cross entropy of one word in nats, and ∂/∂E added to `gradient`, for a table E [V, w]. */
type WordLoss = (e: readonly number[], word: number, target: number, gradient: number[]) => number;

const row = (e: readonly number[], word: number) => e.slice(word * WIDTH, (word + 1) * WIDTH);

/** −log softmax(z)[target] and its gradient softmax(z) − onehot(target). */
function crossEntropyOf(z: readonly number[], target: number): { loss: number; slope: number[] } {
  const total = z.reduce((sum, v) => sum + Math.exp(v), 0);
  return { loss: Math.log(total) - z[target]!, slope: z.map((v, i) => Math.exp(v) / total - (i === target ? 1 : 0)) };
}

/** z = f(E[word]) Eᵀ: the table is looked up and multiplied by. */
const tied: WordLoss = (e, word, target, gradient) => {
  const x = row(e, word).map(Math.tanh);
  const z = Array.from({ length: VOCABULARY }, (_, v) => row(e, v).reduce((sum, w, j) => sum + w * x[j]!, 0));
  const { loss, slope } = crossEntropyOf(z, target);
  for (let j = 0; j < WIDTH; j++) {
    const inside = slope.reduce((sum, s, v) => sum + s * e[v * WIDTH + j]!, 0);
    gradient[word * WIDTH + j]! += inside * (1 - x[j]! ** 2);
    slope.forEach((s, v) => {
      gradient[v * WIDTH + j]! += s * x[j]!;
    });
  }
  return loss;
};

/** z = E[word] + tanh(E[word]), over a vocabulary of `WIDTH`: the table is looked up twice and used for nothing else. */
const twice: WordLoss = (e, word, target, gradient) => {
  const x = row(e, word);
  const { loss, slope } = crossEntropyOf(
    x.map((v) => v + Math.tanh(v)),
    target,
  );
  slope.forEach((s, j) => {
    gradient[word * WIDTH + j]! += s * (1 + 1 - Math.tanh(x[j]!) ** 2);
  });
  return loss;
};

describe.each([
  ['tied to the output', tied, VOCABULARY, (t: Value, i: Value) => matmul(tanh(gather(t, i)), transpose(t, [1, 0]))],
  ['looked up twice', twice, WIDTH, (t: Value, i: Value) => add(gather(t, i), tanh(gather(t, i)))],
])('a table that is %s', (_, lossOf, classes, logitsOf) => {
  it('follows the sum of the gradients of all its uses, update after update', async () => {
    const own = windows.map(({ tokens, targets }) => ({ tokens, targets: targets.map((t) => t % classes) }));
    const problem = windowProblem(own, { batch: BATCH, time: TIME });
    const state = await plainState(modelWith(logitsOf), plainSetup(problem));
    let expected: readonly number[] = [...floats([table.length], table).data].map(Number);
    for (const update of [0, 1, 2, 3]) {
      const { tokens, targets } = own[update % 2]!;
      const gradient = expected.map(() => 0);
      const loss = tokens.reduce((sum, word, n) => sum + lossOf(expected, word, targets[n]!, gradient), 0);
      expected = expected.map((w, i) => w - (RATE / BATCH) * gradient[i]!);

      const step = await state.step(trainBatches(problem), update % 2, { rate: RATE, update });
      expect(step.loss * TIME * BATCH, `update ${update}`).toBeCloseTo(loss, 4);
      expect(step.gradientNorm, `update ${update}`).toBeCloseTo(Math.hypot(...gradient) / BATCH, 4);
      const got = [...(state.weights('table')!.data as Float32Array)];
      got.forEach((w, i) => {
        expect(w, `update ${update}, element ${i}`).toBeCloseTo(expected[i]!, 4);
      });
    }
    await state.release();
  });
});
