import { describe, expect, it } from 'vitest';
import { FEATURES, layer, scoresOfPair, taughtCase } from '../../../test/support/distilling.ts';
import { numbersOf, randomTensor } from '../../../test/support/graphs.ts';
import { optionsFor } from '../../../test/support/training.ts';
import { GraphBuilder } from '../../graph/builder.ts';
import { modelOf } from '../../graph/model.ts';
import { add, matmul, sigmoid } from '../../graph/ops.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { train } from '../../train/trainer.ts';

/*
 * Models of one step, which learn and teach over sequences: what is known of the same layers over whole sequences is what
 * they must give, whatever the size of their states.
 */

const [COUNT, STEPS] = [6, 5];
const sequences = (steps: number, seed: number) => new Map([['x', randomTensor([COUNT, steps, FEATURES], seed)]]);
const arrays = sequences(STEPS, 11);

type Form = Parameters<typeof layer>[0]['form'];
const student = (form: Form) => layer({ hidden: 3, seed: 1, form });
const teacher = (form: Form) => layer({ hidden: 5, seed: 20, form });

it.each<[Form, Form]>([
  ['step', 'step'],
  ['alone', 'step'],
  ['step', 'alone'],
  ['alone', 'alone'],
  ['alone', 'whole'],
  ['whole', 'step'],
  ['whole', 'alone'],
])('a student of form %s is as far from a teacher of form %s as whole layers are', async (own, theirs) => {
  const expected = await scoresOfPair(student('whole'), teacher('whole'), arrays);
  expect(expected.error).toBeGreaterThan(0.1);
  const found = await scoresOfPair(student(own), teacher(theirs), arrays);
  for (const [name, value] of Object.entries(expected)) expect(found[name]! / value, name).toBeCloseTo(1, 5);
});

it('learns over held-out sequences of another length, too', async () => {
  const { config, task } = await taughtCase(
    student('alone'),
    teacher('step'),
    arrays,
    { epochs: 12, learningRate: 0.05 },
    sequences(STEPS + 2, 12),
  );
  const { history, model } = await train(optionsFor({ config, task }));
  expect(history.at(-1)!.valid!.error).toBeLessThan(0.5 * history[0]!.valid!.error!);
  expect(model.graph.inputs).toEqual(student('alone').graph.inputs);
});

/** A model of one step whose output, a probability, is what it reads again: y = σ(x W + r y). */
function fedBack(seed: number): Model {
  const b = new GraphBuilder('fed back');
  const [x, old] = [b.input('x', 'float32', ['B', FEATURES]), b.input('old', 'float32', ['B', 2])];
  const z = add(
    matmul(x, b.parameter('W', randomTensor([FEATURES, 2], seed, 1))),
    matmul(old, b.parameter('r', randomTensor([2, 2], seed + 1, 1))),
  );
  b.output(sigmoid(z), 'y');
  b.output(b.value(b.nodes.at(-1)!.outputs[0]!), 'next');
  return modelOf(b.build());
}

describe('a sigmoid that a later step reads again', () => {
  const state = { state: { old: 'next' } };

  /** y of all steps, [N · T · 2] */
  const run = (seed: number): number[] => {
    const tensor = (name: string): Tensor => fedBack(seed).graph.initializers.get(name)!;
    const [x, w, r] = [arrays.get('x')!, tensor('W'), tensor('r')].map(numbersOf) as [number[], number[], number[]];
    return Array.from({ length: COUNT }, (_, n) => {
      let y = [0, 0];
      return Array.from({ length: STEPS }, (_, t) => {
        y = [0, 1].map((k) => {
          let z = r[k]! * y[0]! + r[2 + k]! * y[1]!;
          for (let i = 0; i < FEATURES; i++) z += x[(n * STEPS + t) * FEATURES + i]! * w[2 * i + k]!;
          return 1 / (1 + Math.exp(-z));
        });
        return y;
      });
    }).flat(2);
  };

  it('is followed in its probabilities, by a share of their variance', async () => {
    const [s, t] = [run(1), run(5)];
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    const squares = mean(s.map((v, i) => (v - t[i]!) ** 2));
    const found = await scoresOfPair(fedBack(1), fedBack(5), arrays, state);
    expect(found.loss).toBeCloseTo(squares / mean(t.map((v) => (v - mean(t)) ** 2)), 4);
    expect(found.error).toBeCloseTo(squares / mean(t.map((v) => v ** 2)), 5);
    expect(found.agreement).toBeCloseTo(mean(t.map((v, i) => Number(v > 0.5 === s[i]! > 0.5))), 6);
  });
});
