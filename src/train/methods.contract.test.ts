import { afterEach, describe, expect, it } from 'vitest';
import { randomStream } from '../base/random.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { MethodState } from '../methods/method.ts';
import { languageModel } from '../models/languageModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { checkConfig, type PartialConfig, type TrainConfig } from './config.ts';
import { presets } from './presets.ts';
import { groupsOf, planSparsity } from './sparsity.ts';
import type { StepResult } from './stepper.ts';
import { aliveUnits, dismiss, prepare, shrinkTrainee, type Trainee, type TraineeOptions } from './trainee.ts';

/*
 * What every sparsity method keeps, as the trainer meets it: through its configuration, on real updates.
 */

const WINDOWS = 20;
const sizes = { hidden: [8, 6], embedding: 5, steps: 4, batch: 3, epochs: 3, keep: 1 };
const VOCABULARY = 9;

const methods: [name: string, fields: PartialConfig][] = [
  ['group lasso', { iss: 0.05, threshold: 1e-3 }],
  ['group lasso with strengths', { iss: 0.002, threshold: 1e-3, issLayers: [1, 3], issScaling: 'sqrt' }],
  ['group lasso over embedding columns', { iss: 0.05, threshold: 1e-3, issEmbedding: true }],
  ['proximal', { iss: 0.05, threshold: 0, proximal: true }],
  ['target', { target: 'units=0.4', threshold: 0, iss: 0.05 }],
  ['ℓ1', { l1: 0.003 }],
  ['magnitude, cubic', { magnitude: 0.8, pruneEvery: 5, pruneFrom: 0.5, pruneTo: 2 }],
  ['magnitude, Narang', { magnitude: 0.8, pruneEvery: 5, pruneFrom: 0.5, pruneTo: 2, pruneSchedule: 'narang' }],
];

const made: Trainee[] = [];
afterEach(async () => {
  for (const trainee of made.splice(0)) await dismiss(trainee);
});

function optionsFor(fields: PartialConfig): { config: TrainConfig; model: Model; options: TraineeOptions } {
  const config = checkConfig({ ...presets['zaremba-small'], ...sizes, threads: 1, ...fields }, 'test');
  const { hidden, embedding, initScale } = config;
  const model = languageModel({ hidden, embedding, initScale, vocabulary: VOCABULARY });
  const sparsity = planSparsity(config, model, groupsOf(model, config), WINDOWS);
  return { config, model, options: { config, runtime: nodeRuntime, sparsity } };
}

async function traineeOf(model: Model, options: TraineeOptions, state?: MethodState): Promise<Trainee> {
  const trainee = await prepare(model, options, state);
  made.push(trainee);
  return trainee;
}

/** Updates on a fixed text in which one word in ten is a surprise. */
async function train({ stepper }: Trainee, from: number, to: number): Promise<Pick<StepResult, 'loss' | 'penalty'>[]> {
  const results: Pick<StepResult, 'loss' | 'penalty'>[] = [];
  for (let update = from; update < to; update++) {
    const random = randomStream(update);
    const any = () => Math.floor(random() * VOCABULARY);
    const words = Int32Array.from({ length: sizes.steps * sizes.batch }, any);
    stepper.targets.set(words.map((word) => (random() < 0.1 ? any() : (2 * word + 1) % VOCABULARY)));
    const { loss, penalty } = await stepper.step(words, 0.5, update);
    results.push({ loss, penalty });
  }
  return results;
}

/** Share of zeros among the weights that the method acts on. */
function zeros({ stepper, sparsity }: Trainee): number {
  let [zero, all] = [0, 0];
  for (const name of sparsity!.parameters) {
    // Streaming states carry components too, but have no weights.
    for (const w of (stepper.weights(name)?.data ?? []) as Float32Array) {
      all++;
      if (w === 0) zero++;
    }
  }
  return zero / all;
}

function copied(tensors: Iterable<[string, Tensor]>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, t]) => [name, { ...t, data: (t.data as Float32Array).slice() }]));
}

describe.each(methods)('%s', (_, fields) => {
  const end = WINDOWS * sizes.epochs;

  it('begins dense, makes exact zeros, and keeps the loss finite', async () => {
    const { model, options } = optionsFor(fields);
    const trainee = await traineeOf(model, options);
    expect(zeros(trainee)).toBeLessThan(0.2);
    const results = await train(trainee, 0, end);
    expect(results.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(zeros(trainee)).toBeGreaterThan(0.05);
  });

  // The search for a target looks at the norms at every other update.
  it.each([27, 28])('goes on after %i updates as if it had never stopped', async (stop) => {
    const { model, options } = optionsFor(fields);
    const whole = await traineeOf(model, options);
    const results = await train(whole, 0, end);

    const half = await traineeOf(model, options);
    await train(half, 0, stop);
    const state = JSON.parse(JSON.stringify(half.sparsity!.state?.() ?? {}));
    const saved = { ...half.stepper.model() };
    const initializers = copied(saved.graph.initializers);
    const rest = await traineeOf({ ...saved, graph: { ...saved.graph, initializers } }, options, state);
    rest.stepper.setStates(half.stepper.stateTensors());
    expect(await train(rest, stop, end)).toEqual(results.slice(stop));
    expect(rest.sparsity!.state?.()).toEqual(whole.sparsity!.state?.());
    for (const [name, { data }] of whole.stepper.model().graph.initializers) {
      expect(rest.stepper.weights(name)!.data, name).toEqual(data);
    }
  });

  it('survives a shrink', async () => {
    const { model, options } = optionsFor(fields);
    const trainee = await prepare(model, options);
    await train(trainee, 0, 12);
    const { live } = aliveUnits(trainee);
    const dying = trainee.groups.layers[0]!.components[3]!;
    const left = live.map((alive, k) => (k === dying ? 0 : alive));
    const gone = left.reduce((n, alive) => n + 1 - alive, 0);
    const { trainee: smaller } = await shrinkTrainee(trainee, left, options);
    made.push(smaller);
    expect(smaller.groups.count).toBeLessThanOrEqual(trainee.groups.count - Math.min(gone, 1));
    for (const [name, value] of Object.entries(smaller.sparsity!.state?.() ?? {})) {
      if (typeof value !== 'number') expect(value.length, name).toBe(smaller.groups.count);
    }
    const results = await train(smaller, 12, end);
    expect(results.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });
});

describe('what single methods promise', () => {
  it.each([
    ['units=0.5', 0.5],
    ['units=0.25', 0.25],
  ])('the search ends at %s', async (target, share) => {
    const units = 32;
    const { model, options } = optionsFor({ target, threshold: 0, iss: 0.01, hidden: [units], epochs: 10 });
    const trainee = await traineeOf(model, options);
    await train(trainee, 0, WINDOWS * 10);
    const [alive] = aliveUnits(trainee).alive;
    expect(Math.abs(alive! / units - share)).toBeLessThanOrEqual(0.05);
  });

  it.each<[string, PartialConfig]>([
    ['alone', {}],
    ['with group lasso over embedding columns', { iss: 0.01, issEmbedding: true }],
    ['with the proximal step', { iss: 0.01, proximal: true, threshold: 0 }],
    ['with ℓ1', { l1: 0.001 }],
  ])('zeros stay zero, %s, and the other weights learn', async (_, fields) => {
    const { model, options } = optionsFor({ initScale: 0.5, ...fields, keepZeros: true });
    const initializers = copied(model.graph.initializers);
    // Not the biases, which begin at zero.
    const weights = [...initializers].filter(([name]) => !name.endsWith('bias'));
    for (const [, { data }] of weights) for (let i = 0; i < data.length; i += 3) data[i] = 0;
    const trainee = await traineeOf({ ...model, graph: { ...model.graph, initializers } }, options);
    const results = await train(trainee, 0, 30);
    for (const [name, { data }] of weights.filter(([name]) => trainee.sparsity!.parameters.has(name))) {
      const old = data as Float32Array;
      const now = trainee.stepper.weights(name)!.data as Float32Array;
      expect(old.filter((w, i) => w === 0 && now[i] !== 0)).toHaveLength(0);
      expect(old.filter((w, i) => w !== 0 && now[i] !== w).length, name).toBeGreaterThan(old.length / 2);
    }
    expect(results.at(-1)!.loss).toBeLessThan(results[0]!.loss);
  });

  it('pruning follows the cubic ramp at its updates, ends with its share, and zeros stay', async () => {
    const { model, options } = optionsFor({ magnitude: 0.8, pruneEvery: 5, pruneFrom: 0.5, pruneTo: 2 });
    const trainee = await traineeOf(model, options);
    const [from, to] = [10, 40];
    let before = 0;
    for (let done = 1; done <= 45; done++) {
      await train(trainee, done - 1, done);
      const last = Math.min(to, from + Math.floor((done - from) / 5) * 5);
      const share = done < from ? 0 : 0.8 * (1 - (1 - (last - from) / (to - from)) ** 3);
      const now = zeros(trainee);
      // Every matrix is cut to a whole number of weights.
      expect(Math.abs(now - share), `after ${done} updates`).toBeLessThan(0.01);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});
