import { describe, expect, it } from 'vitest';
import { type PlainMatrix, plainMatrix } from '../../test/support/plainMatrix.ts';
import { UsageError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { countParameters } from '../inspect/costs.ts';
import { EPSILON } from '../methods/components.ts';
import { languageModel } from '../models/languageModel.ts';
import { rhnLanguageModel } from '../models/rhnLanguageModel.ts';
import { checkConfig, type PartialConfig, type TrainConfig } from './config.ts';
import { presets } from './presets.ts';
import {
  checkMethod,
  createMethod,
  describeMethod,
  groupsOf,
  learnedShare,
  methodName,
  planSparsity,
  targetOutcome,
} from './sparsity.ts';

const WINDOWS = 20;
const sizes = { hidden: [4, 3], embedding: 5, epochs: 6 };

function configOf(fields: PartialConfig): TrainConfig {
  return checkConfig({ ...presets['zaremba-small'], ...sizes, ...fields }, 'test');
}

const modelOf = ({ hidden, embedding }: TrainConfig) => languageModel({ hidden, embedding, vocabulary: 9 });

/** The method of a configuration for a new model. */
function methodOf(fields: PartialConfig, model?: Model) {
  const config = configOf(fields);
  const first = model ?? modelOf(config);
  const groups = groupsOf(first, config);
  const plan = planSparsity(config, first, groups, WINDOWS);
  return { config, groups, plan, model: first, method: createMethod(plan, first.graph, groups) };
}

/** The parameters that a method acts on, as it meets them. */
function matricesOf(model: Model, names: ReadonlySet<string>): PlainMatrix[] {
  return [...model.graph.initializers].flatMap(([name, { dims, data }]) =>
    names.has(name) ? [plainMatrix(name, dims, data as Float32Array)] : [],
  );
}

/** The value of a method's penalty for a model's weights. */
function penaltyOf(fields: PartialConfig): number {
  const { method, model } = methodOf(fields);
  return method!.beforeUpdate(matricesOf(model, method!.parameters), { update: 0, gradientScale: 1 });
}

describe('the method of a configuration', () => {
  it.each<[PartialConfig, ReturnType<typeof methodName>, string | undefined, string]>([
    [{}, 'dense', undefined, 'dense'],
    [{ l1: 0 }, 'dense', undefined, 'dense'],
    [{ iss: 0.01 }, 'group lasso', 'group lasso', 'ISS λ 0.01'],
    [{ iss: 0.01, proximal: true }, 'proximal', 'proximal group lasso', 'proximal ISS λ 0.01'],
    [{ target: 'units=0.3' }, 'target', 'proximal group lasso, steered', 'ISS to units=0.3'],
    [{ l1: 1e-4 }, 'ℓ1', 'ℓ1', 'ℓ1, λ 0.0001'],
    [{ magnitude: 0.9 }, 'magnitude', 'gradual magnitude', 'magnitude pruning to 0.9 zeros'],
    [
      { magnitude: 0.9, pruneSchedule: 'narang' },
      'magnitude',
      "magnitude by Narang's schedule",
      'magnitude pruning to 0.9 zeros (Narang)',
    ],
    [{ keepZeros: true }, 'zeros kept', 'zeros kept', 'zeros kept'],
    [{ l1: 1e-4, keepZeros: true }, 'ℓ1', 'ℓ1', 'ℓ1, λ 0.0001, zeros kept'],
  ])('%j is %s', (fields, name, made, described) => {
    const { config, method } = methodOf(fields);
    expect(methodName(config)).toBe(name);
    expect(method?.name).toBe(made);
    expect(describeMethod(config)).toBe(described);
  });

  it('cuts at the threshold of the configuration', () => {
    expect(methodOf({ iss: 0.01, threshold: 3e-4 }).method!.threshold).toBe(3e-4);
    expect(methodOf({ l1: 1e-2, threshold: 3e-4 }).method!.threshold).toBe(2e-2);
  });

  it('acts on recurrent layers and output with groups and pruning, not on the embedding unless asked', () => {
    const weights = ['lstm_0.weight', 'lstm_0.recurrent', 'lstm_1.weight', 'lstm_1.recurrent', 'head.weight'];
    const trained = ({ method, model }: ReturnType<typeof methodOf>) =>
      [...model.graph.initializers.keys()].filter((name) => method!.parameters.has(name));
    expect(trained(methodOf({ iss: 0.01 }))).toEqual(weights);
    expect(trained(methodOf({ magnitude: 0.9 }))).toEqual(weights);
    expect(trained(methodOf({ iss: 0.01, issEmbedding: true }))).toEqual(['embedding', ...weights]);
  });

  it('acts on all but tables of words with ℓ1, biases included', () => {
    const { method, model } = methodOf({ l1: 1e-4 });
    const names = [...model.graph.initializers.keys()];
    expect(names).toContain('embedding');
    expect([...method!.parameters].sort()).toEqual(names.filter((n) => n !== 'embedding').sort());
  });

  it.each<PartialConfig>([{ l1: 1e-4 }, { magnitude: 0.9 }])(
    "%j leaves a tied table alone, which is the output's",
    (fields) => {
      const rhn = rhnLanguageModel({ vocabulary: 9, width: 4, depth: 2 });
      const { parameters } = methodOf({ ...fields, cell: 'rhn', hidden: [4], embedding: 4, depth: 2 }, rhn).method!;
      expect(parameters.has('embedding')).toBe(false);
      expect(parameters.has('rhn.recurrent_0')).toBe(true);
    },
  );
});

describe('strengths', () => {
  /** ‖w_k‖ of both layers' units, summed by layer, element by element. */
  const normSums = (() => {
    const { model } = methodOf({ iss: 1 });
    const at = (name: string) => model.graph.initializers.get(name)!;
    const squares = (name: string, isIn: (row: number, col: number) => boolean) => {
      const { dims, data } = at(name);
      const cols = dims[dims.length - 1]!;
      return (data as Float32Array).reduce((s, w, i) => s + (isIn(Math.floor(i / cols), i % cols) ? w * w : 0), 0);
    };
    const readers = ['lstm_1.weight', 'head.weight'];
    return sizes.hidden.map((hidden, layer) => {
      let sum = 0;
      for (let k = 0; k < hidden; k++) {
        const made = (row: number) => row % hidden === k;
        const reader = readers[layer]!;
        const total =
          squares(`lstm_${layer}.weight`, made) +
          squares(`lstm_${layer}.recurrent`, made) +
          squares(`lstm_${layer}.recurrent`, (_, col) => col === k) +
          squares(reader, (row, col) => (layer === 0 ? col : row) === k);
        sum += Math.sqrt(EPSILON + total);
      }
      return sum;
    }) as [number, number];
  })();
  // Rows of weight and recurrent, a column of recurrent, and what reads the unit.
  const groupSize = [4 * 5 + 4 * 4 + 16 + 12, 4 * 4 + 4 * 3 + 12 + 9] as const;

  it.each<[PartialConfig, readonly [number, number]]>([
    [{}, [1, 1]],
    [{ issLayers: [2, 0.5] }, [2, 0.5]],
    [{ issLayers: [0, 1] }, [0, 1]],
    [{ issScaling: 'sqrt' }, [Math.sqrt(groupSize[0]), Math.sqrt(groupSize[1])]],
    [{ issScaling: 'sqrt', issLayers: [3, 1] }, [3 * Math.sqrt(groupSize[0]), Math.sqrt(groupSize[1])]],
  ])('%j multiply λ', (fields, factors) => {
    const [a, b] = normSums;
    for (const method of [{}, { proximal: true }]) {
      const penalty = penaltyOf({ iss: 0.01, ...fields, ...method });
      expect(penalty).toBeCloseTo(0.01 * (factors[0] * a + factors[1] * b), 5);
    }
    if (fields.issLayers?.includes(0)) return;
    // The search begins with λ as it is given.
    expect(penaltyOf({ iss: 0.01, target: 'units=0.5', ...fields })).toBeCloseTo(
      0.01 * (factors[0] * a + factors[1] * b),
      5,
    );
  });

  it('stay those of the first model when units have left', () => {
    const { plan, config } = methodOf({ iss: 0.01, issScaling: 'sqrt' });
    const smaller = modelOf({ ...config, hidden: [2, 2] });
    const groups = groupsOf(smaller, config);
    const method = createMethod(plan, smaller.graph, groups)!;
    const fixed = createMethod({ ...plan, strengths: new Map() }, smaller.graph, groups)!;
    const [value, unscaled] = [method, fixed].map((m) =>
      m.beforeUpdate(matricesOf(smaller, m.parameters), { update: 0, gradientScale: 1 }),
    );
    expect(value! / unscaled!).toBeGreaterThan(Math.sqrt(groupSize[1]) - 1e-4);
    expect(value! / unscaled!).toBeLessThan(Math.sqrt(groupSize[0]) + 1e-4);
  });
});

describe('a target', () => {
  it('counts the units of recurrent layers, not the columns of an embedding', () => {
    const { plan, config, groups } = methodOf({ target: 'units=0.3', issEmbedding: true });
    expect(groups.layers.map(({ components }) => components.length)).toEqual([...config.hidden, config.embedding]);
    expect(plan.units).toBe(7);
  });

  // Of 7 units one in each layer stays; beside them the embedding of 45 weights.
  it.each<[PartialConfig, string | undefined]>([
    [{ target: 'units=0.28' }, 'target units=0.28 cannot be reached: with one unit in each layer 28.6 % of the units'],
    [{ target: 'units=0.3' }, undefined],
    [{ target: 'params=0.25' }, 'let columns of the embedding vanish too'],
    [{ target: 'params=0.25', issEmbedding: true }, undefined],
    [{ target: 'params=0.5' }, undefined],
    [{ iss: 0.1 }, undefined],
  ])('%j is checked before training', (fields, message) => {
    const config = configOf(fields);
    const check = () => checkMethod(config, modelOf(config));
    if (message === undefined) expect(check).not.toThrow();
    else expect(check).toThrow(message);
  });

  it('keeps zeros only where there are some, in a weight that it can keep', () => {
    const config = configOf({ keepZeros: true });
    const model = modelOf(config);
    const zeroIn = (name: string) => {
      const tensor = model.graph.initializers.get(name)!;
      const data = (tensor.data as Float32Array).with(0, 0);
      const initializers = new Map(model.graph.initializers).set(name, { ...tensor, data });
      return () => checkMethod(config, { ...model, graph: { ...model.graph, initializers } });
    };
    expect(() => checkMethod(config, model)).toThrow('--keep-zeros: no weight of the first model is zero');
    expect(zeroIn('embedding')).toThrow(UsageError);
    expect(zeroIn('head.weight')).not.toThrow();
  });

  it.each<[PartialConfig, number | undefined]>([
    [{ target: 'units=0.5' }, 4 / 7],
    [{ target: 'params=0.5' }, undefined],
    [{ iss: 0.1 }, undefined],
  ])('%j is compared with what is left', (fields, units) => {
    const config = configOf(fields);
    const first = modelOf(config);
    const last = modelOf({ ...config, hidden: [2, 2] });
    const outcome = targetOutcome(config, first, last);
    if (config.target === undefined) return expect(outcome).toBeUndefined();
    const reached = units ?? countParameters(last.graph) / countParameters(first.graph);
    expect(outcome).toEqual({ what: config.target.split('=')[0], asked: 0.5, reached });
  });
});

it('the search for a target looks ten times an epoch, and takes the learning rates for its clock', () => {
  const { method, model } = methodOf({ target: 'units=0.5', flatEpochs: 4, decay: 0.5, learningRate: 1 });
  const matrices = matricesOf(model, method!.parameters);
  const learned: number[] = [];
  for (let update = 0; update < 6 * WINDOWS; update++) {
    method!.beforeUpdate(matrices, { update, gradientScale: 1 });
    learned.push(method!.state!().at as number);
  }
  // Rates of the epochs: 1, 1, 1, 1, 0.5, 0.25.
  const looks = [...new Set(learned)];
  expect(looks).toHaveLength(60);
  expect(looks[1]).toBeCloseTo(0.1 / 4.75, 12);
  expect(looks[40]).toBeCloseTo(4 / 4.75, 12);
  expect(looks[51]).toBeCloseTo((4.5 + 0.025) / 4.75, 12);
});

describe('pruning by epochs', () => {
  it('has an update of its own even where it begins and ends in the same one', () => {
    const { method, model } = methodOf({ magnitude: 0.5, pruneFrom: 1, pruneTo: 1.01 });
    const matrices = matricesOf(model, method!.parameters);
    for (let update = 0; update < 2 * WINDOWS; update++) method!.afterUpdate!(matrices, { update, step: 1 });
    const zeros = matrices.reduce((n, { weights }) => n + weights.filter((w) => w === 0).length, 0);
    expect(zeros).toBeGreaterThan(0);
  });

  /** Updates after which there were more zeros. */
  const prunings = (fields: PartialConfig) => {
    const { method, model } = methodOf(fields);
    const matrices = matricesOf(model, method!.parameters);
    const zeros = () => matrices.reduce((n, { weights }) => n + weights.filter((w) => w === 0).length, 0);
    const changes: number[] = [];
    for (let done = 1, last = 0; done <= 6 * WINDOWS; done++) {
      method!.afterUpdate!(matrices, { update: done - 1, step: 1 });
      if (zeros() !== last) changes.push(done);
      last = zeros();
    }
    return { changes, matrices, zeros };
  };

  it('comes every 100 updates, and at the end, when nothing else is said', () => {
    expect(prunings({ magnitude: 0.5, pruneFrom: 0, pruneTo: 6 }).changes).toEqual([100, 120]);
  });

  it('becomes updates of the run', () => {
    const { changes, matrices, zeros } = prunings({ magnitude: 0.5, pruneFrom: 1, pruneTo: 2.5, pruneEvery: 7 });
    // At update 20 the share is still 0; then every 7 updates until update 50.
    expect(changes).toEqual([27, 34, 41, 48, 50]);
    const size = matrices.reduce((n, { weights }) => n + weights.length, 0);
    expect(Math.abs(zeros() / size - 0.5)).toBeLessThan(0.02);
  });
});

describe('learnedShare', () => {
  const config = configOf({ learningRate: 1, decay: 0.5, flatEpochs: 2, epochs: 4 });
  // Rates 1, 1, 1/2, 1/4.
  it.each([
    [0, 0],
    [1, 1 / 2.75],
    [1.5, 1.5 / 2.75],
    [2.5, 2.25 / 2.75],
    [3.8, (2.5 + 0.8 * 0.25) / 2.75],
    [4, 1],
    [9, 1],
  ])('after %f epochs is %f', (epochs, share) => {
    expect(learnedShare(config, epochs)).toBeCloseTo(share, 12);
  });
});
