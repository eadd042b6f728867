import { describe, expect, it } from 'vitest';
import { zerosIn } from '../../test/support/sparse.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { optionsFor, stateOf, steps } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import type { TrainState } from '../train/trainState.ts';

/*
 * What single methods promise, on real updates of a language model.
 */

const [text] = taskCases;

async function started(fields: Settings): Promise<{ state: TrainState; run(from: number, to: number): Promise<void> }> {
  const start = optionsFor(text!.make({ learningRate: 0.5, ...fields }));
  const { state } = await stateOf(start);
  state.begin();
  const rate = (fields.learningRate as number | undefined) ?? 0.5;
  return { state, run: async (from, to) => void (await steps(state, start.problem, [from, to], rate)) };
}

describe('the search for a target', () => {
  it.each([
    ['units=0.5', 0.5],
    ['units=0.25', 0.25],
  ])('ends at %s', async (target, share) => {
    const [units, epochs] = [32, 10];
    const { state, run } = await started({ target, threshold: 0, iss: 0.01, hidden: [units], epochs, initScale: 0.1 });
    await run(0, 24 * epochs);
    const [alive] = state.units().alive;
    expect(Math.abs(alive! / units - share)).toBeLessThanOrEqual(0.05);
    await state.release();
  });
});

const sizes = { hidden: [8, 6], embedding: 5 };

describe('pruning by magnitude', () => {
  it.each<Settings>([
    { optimizer: 'sgd' },
    { optimizer: 'momentum', learningRate: 0.05 },
    { optimizer: 'adam', learningRate: 0.01 },
    { optimizer: 'adamw', learningRate: 0.01 },
    { optimizer: 'asgd' },
  ])('follows the cubic ramp at its updates, ends with its share, and zeros stay: %o', async (by) => {
    const { state, run } = await started({
      ...by,
      magnitude: 0.8,
      pruneEvery: 5,
      pruneFrom: 0.5,
      pruneTo: 2,
      ...sizes,
    });
    const [from, to] = [12, 48];
    const { parameters } = state.method!;
    const pruned = () => {
      const { model } = state.snapshot();
      const initializers = new Map([...model.graph.initializers].filter(([name]) => parameters.has(name)));
      return { ...model, graph: { ...model.graph, initializers } };
    };
    const first = pruned();
    let before = 0;
    for (let done = 1; done <= 55; done++) {
      await run(done - 1, done);
      const last = done >= to ? to : from + Math.floor((done - from) / 5) * 5;
      const share = done < from ? 0 : 0.8 * (1 - (1 - (last - from) / (to - from)) ** 3);
      const now = zerosIn(pruned(), first);
      // Every matrix is cut to a whole number of weights.
      expect(Math.abs(now - share), `after ${done} updates`).toBeLessThan(0.01);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
    await state.release();
  });
});
