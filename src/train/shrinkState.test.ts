import { afterEach, describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { numbersOf } from '../../test/support/graphs.ts';
import { silence } from '../../test/support/sparse.ts';
import { configOf, copied, optionsFor, stateOf, steps } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import type { Tensor } from '../graph/types.ts';
import { sliceByGroups } from '../slim/slice.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import { shrinkState, unitsThatStay } from './shrinkState.ts';
import type { TrainState } from './trainState.ts';

let made: TrainState | undefined;
afterEach(() => made?.release());

const model = recurrentModel({ op: 'GRU', direction: 'bidirectional', hidden: 4 });
const base = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', iss: 1e-4, threshold: 0, batch: 32, epochs: 1 };

/** Three updates of a bidirectional GRU in which nothing reads unit 2 of one direction and unit 0 of the other any more. */
async function withDeadUnits(fields: Settings = {}) {
  const config = configOf({ ...base, ...fields });
  const task = loadedArrays(config, model, { train: { source: 'test', arrays: sumTask(32) } });
  const { state, setup } = await stateOf(optionsFor({ config, task }));
  made = state;
  await steps(state, task.problem, [0, 3], 0.01);
  const { layers } = state.groups!;
  const dead = new Set([layers[0]!.components[2]!, layers[1]!.components[0]!]);
  silence(state, dead);
  return { state, setup, dead, problem: task.problem };
}

describe('shrinkState', () => {
  it.each([
    ['the means of Adam', { optimizer: 'adam' }, ['mean', 'square']],
    ['a velocity and an average', { optimizer: 'momentum', ema: 0.9 }, ['velocity', 'movingAverage']],
  ])('slices weights and %s alike when units leave', async (_, fields, slots) => {
    const { state, setup, dead, problem } = await withDeadUnits(fields);
    const groups = state.groups!;
    const { units, alive, live } = state.units();
    expect(units).toEqual([4, 4]);
    expect(alive).toEqual([3, 3]);
    const { weights, tensors } = state.snapshot();
    const before = { weights: copied(weights), tensors: copied(tensors) };

    const { state: smaller, removed } = await shrinkState(state, live, setup, problem.samples(state.snapshot().model));
    made = smaller;
    expect([...removed.keys()].filter((k) => removed[k] === 1).sort()).toEqual([...dead].sort());
    expect(smaller.units().units).toEqual([3, 3]);
    const after = smaller.snapshot();
    expect([...after.weights.keys()]).toEqual([...before.weights.keys()]);
    for (const [name, weight] of after.weights) {
      const same = (got: Tensor, tensor: Tensor) => {
        const expected = sliceByGroups(name, tensor, groups, (k) => dead.has(k));
        expect(got.dims).toEqual(expected.dims);
        expect(numbersOf(got)).toEqual(numbersOf(expected));
      };
      same(weight, before.weights.get(name)!);
      for (const slot of slots) {
        const key = `slot/${slot}/${name}`;
        same(after.tensors.get(key)!, before.tensors.get(key)!);
        expect(numbersOf(after.tensors.get(key)!).some((v) => v !== 0)).toBe(true);
      }
    }
    expect(after.model.graph.initializers.get('head')!.dims).toEqual([6, 2]);
    // And training goes on.
    const [result] = await steps(smaller, problem, [3, 4], 0.01);
    expect(result!.loss).toBeLessThan(1);
  });

  it('keeps one unit of a layer that is all dead', async () => {
    const { state, setup } = await withDeadUnits();
    const { groups } = state;
    const all = new Set(groups!.layers[0]!.components);
    silence(state, all);
    const { live } = state.units();
    const { state: smaller } = await shrinkState(state, live, setup);
    made = smaller;
    expect(smaller.units().units).toEqual([1, 3]);
  });

  it('refuses what does not compute the same, and leaves the training as it was', async () => {
    const { state, setup, problem } = await withDeadUnits();
    const { live } = state.units();
    // Unit 1 of the first direction is read.
    const wrong = live.map((alive, k) => (k === state.groups!.layers[0]!.components[1] ? 0 : alive));
    const before = copied(state.snapshot().weights);
    const refused = shrinkState(state, wrong, setup, problem.samples(state.snapshot().model));
    await expect(refused).rejects.toThrow(/refused: the outputs of the two models differ/);
    expect(copied(state.snapshot().weights)).toEqual(before);
    const [result] = await steps(state, problem, [3, 4], 0.01);
    expect(Number.isFinite(result!.loss)).toBe(true);
  });
});

it('unitsThatStay leaves out what was removed, and nothing that always stays', () => {
  const groups = {
    ...{ count: 3, axes: [], entangled: new Map<number, string>() },
    layers: [
      { name: 'a', operator: 'LSTM' as const, components: Int32Array.of(0, -1, 1) },
      { name: 'b', operator: 'LSTM' as const, components: Int32Array.of(2, 2) },
    ],
  };
  const first = [
    [10, 11, 12],
    [20, 21],
  ];
  expect(unitsThatStay(groups, Uint8Array.of(1, 0, 0), first)).toEqual([
    [11, 12],
    [20, 21],
  ]);
  expect(unitsThatStay(groups, Uint8Array.of(0, 1, 1), first)).toEqual([[10, 11], []]);
});
