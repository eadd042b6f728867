import { describe, expect, it } from 'vitest';
import { fixture, relativeError } from '../../test/fixtures/torch/lstmLanguageModel.ts';
import { carriedIn, meanLoss, stateFor, step, weightsOf, windows } from '../../test/support/torchSteps.ts';

import { SlimError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import type { Tensor } from '../graph/types.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { sgd } from '../optimizers/sgd.ts';
import { withAverage } from '../optimizers/withAverage.ts';
import { DivergedError } from './errors.ts';

const { batch } = fixture.sizes;
const [first, second] = windows;

describe('a model in training', () => {
  it('carries the states to the next window', async () => {
    const state = await stateFor({});
    expect((await step(state, first, { rate: 0 })).loss).toBeCloseTo(meanLoss(first), 5);
    expect((await step(state, second, { rate: 0 })).loss).toBeCloseTo(meanLoss(second), 5);
    const carried = carriedIn(state);
    expect([...carried.keys()].sort()).toEqual(Object.keys(second.states).sort());
    for (const [name, tensor] of carried) {
      expect(relativeError(tensor.data as Float32Array, second.states[name]!), name).toBeLessThan(1e-5);
    }
    state.resetStates();
    expect((await step(state, first, { rate: 0 })).loss).toBeCloseTo(meanLoss(first), 5);
  });

  it('goes on from states that a snapshot has', async () => {
    const { hidden } = fixture.sizes;
    const tensors = Object.entries(first.states).map(([name, s]): [string, Tensor] => {
      return [`state/${name}`, floats([1, batch, hidden[Number(name.split(/[_.]/)[1])]!], s)];
    });
    const state = await stateFor({}, 1, new Map(tensors));
    expect((await step(state, second, { rate: 0 })).loss).toBeCloseTo(meanLoss(second), 5);
    // What was given stays as it was.
    for (const [key, { data }] of tensors)
      expect([...(data as Float32Array)]).toEqual(first.states[key.slice(6)]!.map(Math.fround));
  });

  it('draws the same dropout for the same seed and update, another one for another', async () => {
    const losses = [];
    for (const [seed, update] of [
      [1, 0],
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      const state = await stateFor({ seed }, 0.5);
      losses.push((await step(state, first, { update })).loss);
    }
    expect(losses[1]).toBe(losses[0]);
    expect(new Set(losses).size).toBe(3);
  });

  it('keeps the weights when the numbers are lost', async () => {
    const state = await stateFor({});
    const before = weightsOf(state);
    (carriedIn(state).get('lstm_0.h')!.data as Float32Array).fill(Number.NaN);
    await expect(step(state)).rejects.toThrow(DivergedError);
    expect(weightsOf(state)).toEqual(before);
  });

  it('saves an average that is 0 where the weights are now, and forgets nothing of it', async () => {
    const state = await stateFor({ createOptimizer: () => withAverage(sgd(), 0.9) });
    await step(state);
    const data = (slot?: string) => state.weights('head.bias', slot)!.data as Float32Array;
    const [weights, average] = [data(), [...data('movingAverage')]];
    const saved = () => [...(state.finished().graph.initializers.get('head.bias')!.data as Float32Array)];
    expect(saved()).toEqual(average);
    weights.fill(0, 0, 2);
    expect(saved()).toEqual([0, 0, ...average.slice(2)]);
    weights.fill(1, 0, 2);
    expect(saved()).toEqual(average);
  });

  it('refuses states of another size', async () => {
    const refused = stateFor({}, 1, new Map([['state/lstm_1.c', floats([1, 2, 1], [0, 0])]]));
    await expect(refused).rejects.toThrow(SlimError);
    await expect(refused).rejects.toThrow("state 'lstm_1.c' is [1,2,1], this batch carries [1,3,7]");
  });

  it('refuses slots of another size', async () => {
    const optimizer: Optimizer = { name: 'fake', slots: [{ name: 'own', start: 'zeros' }] };
    const tensors = new Map([['slot/own/head.bias', floats([2], [0, 0])]]);
    const refused = stateFor({ createOptimizer: () => optimizer }, 1, tensors);
    await expect(refused).rejects.toThrow(SlimError);
    await expect(refused).rejects.toThrow("keeps of 'head.bias' does not fit: 2 values for 17");
  });
});
