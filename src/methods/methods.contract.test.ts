import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { numbersOf } from '../../test/support/graphs.ts';
import { makeFolder } from '../../test/support/runCli.ts';
import { silence, withZeros, zerosIn } from '../../test/support/sparse.ts';
import { type TaskCase, taskCases } from '../../test/support/tasks.ts';
import {
  checkpointFiles,
  copied,
  optionsFor,
  stateOf,
  steps,
  timelessCheckpoint,
  trainBatches,
} from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import { sliceByGroups } from '../slim/slice.ts';
import { isBetter } from '../tasks/score.ts';
import { InterruptedError } from '../train/errors.ts';
import { finishModels } from '../train/finish.ts';
import type { TrainOptions } from '../train/options.ts';
import { shrinkState } from '../train/shrinkState.ts';
import { train } from '../train/trainer.ts';
import type { TrainState } from '../train/trainState.ts';
import { methodOf, methods } from './registry.ts';

/*
 * What every sparsity method keeps, for every task and with optimizers that remember something and that do not: through
 * its configuration, on real updates.
 */

interface MethodCase {
  readonly name: string;
  readonly kind: string;
  readonly fields: Settings;
  /** Whether λ is taken times the learning rate, whatever an optimizer makes of gradients. */
  readonly isProximal?: boolean;
}

const pruning = { magnitude: 0.8, pruneEvery: 5, pruneFrom: 0.5, pruneTo: 2 };
const cases: readonly MethodCase[] = [
  { name: 'dense', kind: 'dense', fields: {} },
  { name: 'group lasso', kind: 'group-lasso', fields: { iss: 0.05, threshold: 0.05 } },
  {
    name: 'group lasso by size',
    kind: 'group-lasso',
    fields: { iss: 0.008, threshold: 0.05, issScaling: 'sqrt', issEmbedding: true },
  },
  { name: 'proximal', kind: 'proximal', fields: { threshold: 0, proximal: true }, isProximal: true },
  { name: 'target', kind: 'target', fields: { target: 'units=0.6', threshold: 0 }, isProximal: true },
  { name: 'ℓ1', kind: 'l1', fields: { l1: 0.006 } },
  { name: 'magnitude, cubic', kind: 'magnitude', fields: pruning },
  { name: 'magnitude, Narang', kind: 'magnitude', fields: { ...pruning, pruneSchedule: 'narang' } },
  { name: 'SET', kind: 'set', fields: { setShare: 0.3, density: 0.5 } },
  {
    name: 'SET of two signs, by gradient, often',
    kind: 'set',
    fields: { setShare: 0.4, density: 0.6, setRule: 'set', setGrowth: 'gradient', setEvery: 3, setNew: 'initial' },
  },
  {
    name: 'SET with group lasso, packed',
    kind: 'set',
    fields: { setShare: 0.3, density: 0.5, setGates: 'packed', setStart: 'uniform', iss: 0.02, threshold: 0.05 },
  },
  {
    name: 'SET with columns of the embedding',
    kind: 'set',
    fields: { setShare: 0.3, setEpsilon: 2, iss: 0.02, threshold: 0.05, issEmbedding: true },
  },
  { name: 'kept zeros', kind: 'zeros-kept', fields: { keepZeros: true } },
  { name: 'group lasso with kept zeros', kind: 'group-lasso', fields: { iss: 0.02, threshold: 0.05, keepZeros: true } },
  {
    name: 'group lasso whose λ grows',
    kind: 'group-lasso',
    fields: { iss: 0.05, threshold: 0.05, issWarmup: 6 },
  },
];

it('has a case for every method that is registered', () => {
  expect([...new Set(cases.map((c) => c.kind))].sort()).toEqual(methods.map((m) => m.name).sort());
});

const optimizers = [
  { optimizer: 'sgd', learningRate: 1, pull: 0.11 },
  { optimizer: 'adam', learningRate: 0.02, pull: 0.13 },
];
type By = (typeof optimizers)[number];
/** A step of question answering takes long to compile; distillation differs from arrays in its loss alone. */
const rarely = ['question-answering', 'distillation'];
/** Methods that are tried with these tasks: one for each way to act on weights. */
const trying = ['group lasso', 'target', 'SET'];
/** A squared error as a share of a variance goes astray in steps as large as those of plain descent here. */
const optimizersFor = ({ name }: { readonly name: string }) =>
  name === 'distillation' ? optimizers.filter(({ optimizer }) => optimizer === 'adam') : optimizers;
/** Cases of a method beside its first, which act on weights as that does, are tried with one task each. */
const isVariant = (method: MethodCase) => cases.find(({ kind }) => kind === method.kind) !== method;
const common = taskCases.filter(({ name }) => !rarely.includes(name));

function isTried(method: MethodCase, task: TaskCase): boolean {
  if (rarely.includes(task.name)) return trying.includes(method.name);
  return !isVariant(method) || task === common[cases.indexOf(method) % common.length];
}

/** Every method with every task, and both with every optimizer, but not all three at once. */
const all = cases.flatMap((method, m) =>
  taskCases
    .filter((task) => isTried(method, task))
    .map((task) => {
      const by = optimizersFor(task)[(m + taskCases.indexOf(task)) % optimizersFor(task).length]!;
      return { method, task, by, title: `${method.name}, ${task.name}, ${by.optimizer}` };
    }),
);

it('tries every pair of a method, a task and an optimizer', () => {
  const pairs = (list: readonly (typeof all)[number][]) =>
    new Set(
      list.flatMap(({ method, task, by }) => [
        ...[`${method.kind} × ${by.optimizer}`, `${task.name} × ${by.optimizer}`],
        ...(rarely.includes(task.name) ? [] : [`${method.kind} × ${task.name}`]),
      ]),
    );
  const whole = cases.flatMap((method) =>
    taskCases.flatMap((task) => optimizersFor(task).map((by) => ({ method, task, by, title: '' }))),
  );
  expect([...pairs(all)].sort()).toEqual([...pairs(whole)].sort());
  expect(new Set(all.map(({ method }) => method))).toEqual(new Set(cases));
});

let folder: string;
beforeAll(() => {
  folder = makeFolder();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const made: TrainState[] = [];
afterEach(async () => {
  for (const state of made.splice(0)) await state.release();
});

/** Updates of a training, at least; of question answering fewer, whose steps take long. */
const updatesOf = ({ name }: TaskCase) => (name === 'question-answering' ? 24 : 60);

function startOf(task: TaskCase, { kind, fields, isProximal }: MethodCase, { pull, ...by }: By): TrainOptions {
  const epochs = Math.ceil(updatesOf(task) / trainBatches(task.make().task.problem).count);
  // Pressed this hard, all units of a layer may leave.
  const own = { ...fields, trainCollapsed: true, ...(isProximal && { iss: pull / by.learningRate }) };
  const { config, task: loaded } = task.make({ ...by, ...own, epochs });
  expect(config.method.kind).toBe(kind);
  const model = fields.keepZeros ? withZeros(loaded.model(), 3) : loaded.model();
  return optionsFor({ config, task: { ...loaded, model: () => model } });
}

/** A whole training and its last checkpoint, stopped after so many updates and gone on with again and again. */
async function trained(start: TrainOptions, stops: readonly number[] = []) {
  const store = checkpointFiles(folder);
  for (const after of stops) {
    const stop = new AbortController();
    let updates = 0;
    const onBatch = () => {
      updates++;
      if (updates === after) stop.abort();
    };
    const stopped = train({ ...start, store, resume: true, signal: stop.signal, onBatch });
    await expect(stopped).rejects.toThrow(InterruptedError);
  }
  const result = await train({ ...start, store, resume: true });
  return { ...result, last: await store.last() };
}

describe.each(all)('$title', ({ task, method, by }) => {
  it('trains to exact zeros, and goes on wherever it was stopped as if it had not been', async () => {
    const start = startOf(task, method, by);
    const whole = await trained(start);
    for (const { train: own, valid, penalty } of whole.history) {
      expect([...Object.values(own), ...Object.values(valid!), penalty].every(Number.isFinite)).toBe(true);
    }
    // Pressed this hard, a model this small does not always learn.
    const { isStructural } = methodOf({ kind: method.kind });
    const loss = start.problem.scores.at(-1)!;
    const [first, last] = [0, -1].map((epoch) => whole.history.at(epoch)!.train[loss.name]!);
    expect(isStructural || isBetter(loss, last!, first!), `${loss.name} ${first} → ${last}`).toBe(true);
    const zeros = zerosIn(whole.last.model, start.model);
    if (start.method.isDense) expect(zeros).toBe(0);
    else expect(zeros).toBeGreaterThan(0.05);
    const resumed = await trained(start, [7, 11]);
    expect(timelessCheckpoint(resumed.last)).toEqual(timelessCheckpoint(whole.last));
    expect(resumed.kept).toEqual(whole.kept);
    expect(resumed.model).toEqual(whole.model);

    const finished = await finishModels(whole, start);
    expect(finished.slim === undefined).toBe(start.method.isDense);
    expect(finished.slim?.verify.maxRelativeDifference ?? 0).toBeLessThan(1e-5);
  });

  it('goes on smaller when units leave, with all that it keeps of those that stay', async () => {
    const start = startOf(task, method, by);
    const { state, setup } = await stateOf(start);
    made.push(state);
    state.begin();
    const before = trainBatches(start.problem).count;
    await steps(state, start.problem, [0, 7], by.learningRate);
    const { groups } = state;
    const { layers, entangled } = groups!;
    const dead = layers.map((l) => l.components[2] ?? -1).find((k) => k >= 0 && !entangled.has(k))!;
    silence(state, new Set([dead]));
    const { live } = state.units();
    expect(live[dead]).toBe(0);
    const old = state.snapshot();
    const [weights, tensors] = [copied(old.weights), copied(old.tensors)];
    const score = await state.score();

    const { state: smaller, removed } = await shrinkState(state, live, setup);
    made.splice(0, 1, smaller);
    const left = smaller.snapshot();
    expect([...left.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [kept, then] of [[left.weights, weights] as const, [left.tensors, tensors] as const]) {
      for (const [key, tensor] of kept) {
        const name = key.replace(/^(slot\/[^/]*|mask|state)\//, '');
        const expected = sliceByGroups(name, then.get(key)!, groups!, removed);
        expect(tensor.dims, key).toEqual(expected.dims);
        expect(numbersOf(tensor), key).toEqual(numbersOf(expected));
      }
    }
    for (const [name, value] of Object.entries(left.method ?? {})) {
      if (typeof value !== 'number') expect(value.length, name).toBe(smaller.groups!.count);
    }
    const after = await smaller.score();
    expect(after.totals.loss![0]! / score.totals.loss![0]!).toBeCloseTo(1, 5);
    const results = await steps(smaller, start.problem, [7, 2 * before], by.learningRate);
    expect(results.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });
});
