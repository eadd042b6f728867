import { afterEach, describe, expect, it } from 'vitest';
import { numbersOf } from '../../test/support/graphs.ts';
import { type PlainDevice, plainDevice } from '../../test/support/plainDevice.ts';
import { sharedSessions } from '../../test/support/sharedSessions.ts';
import { silence } from '../../test/support/sparse.ts';
import { taskCases } from '../../test/support/tasks.ts';
import {
  copied,
  memoryStore,
  optionsFor,
  stateOf,
  steps,
  timelessCheckpoint,
  trainBatches,
} from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import type { Tensor } from '../graph/types.ts';
import { methods } from '../methods/registry.ts';
import { optimizers } from '../optimizers/registry.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { DivergedError, InterruptedError } from './errors.ts';
import type { TrainOptions } from './options.ts';
import { shrinkState } from './shrinkState.ts';
import { train } from './trainer.ts';
import type { TrainState } from './trainState.ts';

/*
 * Weights in an arena that kernels update and weights on a device that graphs update go the same way: for every method and
 * optimizer that can stay on a device, and for every task. The others say so, and are moved.
 */

const engine = sharedSessions(nodeRuntime);
const made: TrainState[] = [];
const devices: PlainDevice[] = [];
afterEach(async () => {
  for (const state of made.splice(0)) await state.release();
  for (const { living } of devices.splice(0)) expect(living.size).toBe(0);
});

function device(strangers?: readonly string[]): PlainDevice {
  const one = plainDevice(engine, strangers);
  devices.push(one);
  return one;
}

const [text] = taskCases;

function optionsOf(fields: Settings, task = text!): TrainOptions {
  return optionsFor(task.make({ trainCollapsed: true, ...fields }));
}

async function begun(options: TrainOptions): Promise<TrainState> {
  const { state } = await stateOf(options);
  made.push(state);
  state.begin();
  return state;
}

/** Largest difference of the tensors of two maps, as a share of the largest value of each. */
function farApart(one: ReadonlyMap<string, Tensor>, other: ReadonlyMap<string, Tensor>): number {
  expect([...other.keys()].sort()).toEqual([...one.keys()].sort());
  const far = [...one].map(([name, tensor]) => {
    const [a, b] = [numbersOf(tensor), numbersOf(other.get(name)!)];
    const size = Math.max(1e-3, ...a.map(Math.abs));
    return Math.max(0, ...a.map((x, i) => Math.abs(x - b[i]!))) / size;
  });
  return Math.max(0, ...far);
}

const UPDATES = 12;

async function compare(options: TrainOptions, rate: number): Promise<PlainDevice> {
  const far = device();
  const states = [await begun(options), await begun({ ...options, runtime: far })] as const;
  const [arena, away] = [
    await steps(states[0], options.problem, [0, UPDATES], rate),
    await steps(states[1], options.problem, [0, UPDATES], rate),
  ];
  for (const [i, step] of arena.entries()) {
    expect(away[i]!.loss, `loss ${i}`).toBeCloseTo(step.loss, 4);
    expect(away[i]!.sums.count).toBe(step.sums.count);
    expect(away[i]!.gradientNorm / step.gradientNorm, `norm ${i}`).toBeCloseTo(1, 3);
    expect(Math.abs(away[i]!.penalty - step.penalty), `penalty ${i}`).toBeLessThan(1e-4 * Math.max(1, step.penalty));
  }
  await states[1].readBack();
  const [here, there] = states.map((state) => state.snapshot());
  expect(farApart(here!.weights, there!.weights)).toBeLessThan(1e-3);
  expect(farApart(here!.tensors, there!.tensors)).toBeLessThan(1e-3);
  expect(there!.optimizer).toEqual(here!.optimizer);
  expect(states[1].units()).toEqual(states[0].units());
  return far;
}

const stepped: Readonly<Record<string, Settings>> = {
  sgd: { optimizer: 'sgd', learningRate: 0.5 },
  'sgd with decay and a moving average': { optimizer: 'sgd', learningRate: 0.5, weightDecay: 0.01, ema: 0.9 },
  momentum: { optimizer: 'momentum', learningRate: 0.1 },
  'Nesterov with decay': { optimizer: 'momentum', learningRate: 0.1, nesterov: true, weightDecay: 0.01 },
  adam: { optimizer: 'adam', learningRate: 0.01, ema: 0.9 },
  adamw: { optimizer: 'adamw', learningRate: 0.01 },
  asgd: { optimizer: 'asgd', learningRate: 0.5, nonMonotone: 1 },
};
const pressed: Readonly<Record<string, Settings>> = {
  dense: {},
  'group lasso': { iss: 0.05, threshold: 0.02 },
  'group lasso by size and columns': { iss: 0.02, threshold: 0.02, issScaling: 'sqrt', issEmbedding: true },
  proximal: { iss: 0.05, proximal: true, threshold: 0 },
  ℓ1: { l1: 0.004 },
};

/** Each method with each of two optimizers, one that has a direction of its own and one that has none; the others in turn. */
const pairs = Object.entries(stepped).flatMap(([optimizer, own], i) =>
  Object.entries(pressed)
    .filter((_, m) => optimizer === 'sgd' || optimizer === 'adam' || m === i % Object.keys(pressed).length)
    .map(([method, fields]) => ({ title: `${optimizer}, ${method}`, own, fields })),
);

it.each(pairs)('with $title weights go the same way on a device', async ({ own, fields }) => {
  const options = optionsOf({ ...own, ...fields, clip: 0.5, keep: 0.8 });
  const far = await compare(options, own.learningRate as number);
  expect(far.moved.there).toBeGreaterThan(0);
});

it('has a case for every optimizer, and for every method that can stay', () => {
  expect([...new Set(Object.values(stepped).map((s) => s.optimizer))].sort()).toEqual(Object.keys(optimizers).sort());
  const others = methods
    .map((m) => m.name)
    .filter((name) => !['dense', 'group-lasso', 'proximal', 'l1'].includes(name));
  expect(others.sort()).toEqual(['magnitude', 'set', 'target', 'zeros-kept']);
});

it.each(taskCases)('a model of the task $name goes the same way', async (task) => {
  // Adam makes much of gradients that are nothing but rounding.
  await compare(optionsOf({ optimizer: 'sgd', learningRate: 0.02 }, task), 0.02);
});

describe('weights on a device', () => {
  const fields = { optimizer: 'adam', learningRate: 0.02, iss: 0.05, threshold: 0.02, keep: 0.8, epochs: 2 };

  it('stay there: a step moves the batch, masks and a few numbers', async () => {
    const far = device();
    const options = { ...optionsOf(fields), runtime: far };
    const state = await begun(options);
    await steps(state, options.problem, [0, 2], 0.02);
    const before = { ...far.moved };
    await steps(state, options.problem, [2, 3], 0.02);
    const moved = far.moved.there - before.there + far.moved.back - before.back;
    const [note] = await state.placeNotes();
    expect(note).toMatch(/a step moves .* there and back/);
    // No weight and no slot is among it.
    expect(moved).toBeLessThan(8 * state.countParameters());
  });

  it('are named with what the device lacks', async () => {
    const state = await begun({ ...optionsOf(fields), runtime: device(['Einsum', 'Unique']) });
    expect((await state.placeNotes()).join('\n')).toContain('the device has no Einsum, Unique: the CPU does it');
  });

  it('do not change when the numbers are lost', async () => {
    const options = { ...optionsOf(fields), runtime: device() };
    const state = await begun(options);
    await state.step(trainBatches(options.problem), 0, { rate: 0.1, update: 0 });
    await state.readBack();
    const before = copied(state.snapshot().weights);
    for (const [key, tensor] of state.snapshot().tensors) {
      if (key.startsWith('state/')) (tensor.data as Float32Array).fill(Number.NaN);
    }
    state.begin();
    await expect(steps(state, options.problem, [1, 2], 0.1)).rejects.toThrow(DivergedError);
    await state.readBack();
    expect(farApart(before, state.snapshot().weights)).toBe(0);
  });

  it('go on wherever a run was stopped, as if it had not been', async () => {
    const whole = memoryStore();
    const result = await train({ ...optionsOf(fields), runtime: device(), store: whole });
    const store = memoryStore();
    for (const after of [5, 9]) {
      const stop = new AbortController();
      let updates = 0;
      const onBatch = () => {
        updates++;
        if (updates === after) stop.abort();
      };
      const options = { ...optionsOf(fields), runtime: device(), store, resume: true, signal: stop.signal, onBatch };
      await expect(train(options)).rejects.toThrow(InterruptedError);
    }
    const resumed = await train({ ...optionsOf(fields), runtime: device(), store, resume: true });
    expect(timelessCheckpoint(store.last!)).toEqual(timelessCheckpoint(whole.last!));
    expect(resumed.model).toEqual(result.model);
  });

  it('go on smaller when units leave', async () => {
    const options = { ...optionsOf(fields), runtime: device() };
    const { state, setup } = await stateOf(options);
    made.push(state);
    state.begin();
    await steps(state, options.problem, [0, 5], 0.02);
    await state.readBack();
    const dead = state.groups!.layers.map((l) => l.components[2] ?? -1).find((k) => k >= 0)!;
    silence(state, new Set([dead]));
    const { state: smaller } = await shrinkState(state, state.units().live, setup);
    made.splice(made.indexOf(state), 1, smaller);
    const results = await steps(smaller, options.problem, [5, 9], 0.02);
    expect(results.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(smaller.countParameters()).toBeLessThan(state.countParameters());
  });

  it.each([
    ['magnitude pruning', { magnitude: 0.5, pruneFrom: 0.5, pruneTo: 1.5 }],
    ['SET', { setShare: 0.3, density: 0.5 }],
    ['a target', { target: 'units=0.6' }],
  ])('are moved at every step with %s, and say so', async (_name, own) => {
    const options = optionsOf({ optimizer: 'adam', learningRate: 0.01, ...own });
    const far = device();
    const state = await begun({ ...options, runtime: far });
    expect((await state.placeNotes()).join('\n')).toMatch(
      /each step moves .* of weights and gradients to the device and back: with /,
    );
    await steps(state, options.problem, [0, 2], 0.01);
    expect(far.living.size).toBe(0);
  });
});
