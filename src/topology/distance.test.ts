import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testModel } from '../../test/support/models.ts';
import { randomStream } from '../base/random.ts';
import { SparseTensor, sparseOf } from '../graph/sparseTensor.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { liveComponents, weightsOf } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { shrinkModel } from '../slim/shrink.ts';
import { compareTopologies } from './compare.ts';
import { topologyDistance } from './distance.ts';
import { topologyOf } from './topology.ts';
import { wordConnections } from './words.ts';

const sizes = { words: 40, embedding: 5, hidden: [6, 4] } as const;
const WEIGHTS = /embedding|weight|recurrent/;

function mapWeights(model: Model, change: (name: string, tensor: Tensor) => Tensor): Model {
  const initializers = [...model.graph.initializers].map(([name, tensor]): [string, Tensor] => [
    name,
    WEIGHTS.test(name) ? change(name, tensor) : tensor,
  ]);
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
}

/** Two layers over an embedding, with connections that are drawn by lot. */
function sparseModel(seed: number, density = 0.4): Model {
  const layers = sizes.hidden.map((hidden) => ({ hidden, direction: 'forward' as const }));
  const random = randomStream(seed);
  const dense = testModel({ vocabulary: sizes.words, embedding: sizes.embedding, layers });
  return mapWeights(dense, (_, tensor) =>
    sparseOf({ ...tensor, data: (tensor.data as Float32Array).map((w) => (random() < density ? w : 0)) }),
  );
}

/** The same network with its words and units in another order. */
function reordered(
  model: Model,
  order: { words?: number[]; embedding: number[]; hidden: [number[], number[]] },
): Model {
  const { embedding, hidden } = order;
  const rows = (units: number[], size: number) => [0, 1, 2, 3].flatMap((gate) => units.map((k) => gate * size + k));
  const [first, second] = [rows(hidden[0], sizes.hidden[0]), rows(hidden[1], sizes.hidden[1])];
  const orders: Record<string, (number[] | undefined)[]> = {
    embedding: [order.words, embedding],
    'lstm_0.weight': [undefined, first, embedding],
    'lstm_0.recurrent': [undefined, first, hidden[0]],
    'lstm_1.weight': [undefined, second, hidden[0]],
    'lstm_1.recurrent': [undefined, second, hidden[1]],
  };
  return mapWeights(model, (name, tensor) => {
    const keep = orders[name];
    return keep ? sparseOf(sliceTensor({ ...tensor, data: tensor.data }, keep)) : tensor;
  });
}

const range = (n: number) => [...Array(n).keys()];
const shuffled = (n: number) => fc.shuffledSubarray(range(n), { minLength: n, maxLength: n });
const orders = fc.record({
  embedding: shuffled(sizes.embedding),
  hidden: fc.tuple(shuffled(sizes.hidden[0]), shuffled(sizes.hidden[1])),
});
const distance = (a: Model, b: Model) => topologyDistance(topologyOf(a), topologyOf(b));

describe('the distance of topologies', () => {
  it('is 0 for the same network, whatever the order of its units', () => {
    fc.assert(
      fc.property(fc.nat(1000), orders, (seed, order) => {
        const model = sparseModel(seed);
        const { distance: all, layers } = distance(model, reordered(model, order));
        expect(all).toBe(0);
        expect(layers.map(({ name }) => name)).toEqual(['Gather_0', 'lstm_0', 'lstm_1']);
      }),
      { numRuns: 50 },
    );
  });

  it('is the same both ways, and no more than that of units beside those of their number', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (one, other) => {
        const [a, b] = [sparseModel(one), sparseModel(1001 + other, 0.3)];
        const found = distance(a, b);
        const unpaired = found.layers.reduce((sum, layer) => sum + layer.unpaired, 0) / found.layers.length;
        expect(found.distance).toBeGreaterThan(0);
        expect(found.distance).toBeLessThanOrEqual(unpaired + 1e-12);
        // Each way finds pairs of its own.
        expect(distance(b, a).distance).toBeCloseTo(found.distance, 1);
      }),
      { numRuns: 20 },
    );
  });

  it('is 1 for networks that share no connection', () => {
    const model = sparseModel(3);
    const others = mapWeights(model, (_, tensor) => {
      const { data } = tensor as { data: Float32Array };
      return sparseOf({ ...tensor, data: data.map((w) => (w === 0 ? 1 : 0)) });
    });
    const { layers } = distance(model, others);
    for (const { unpaired } of layers) expect(unpaired).toBe(1);
  });

  it('counts what a pair of units does not share of what either has', () => {
    const one = sparseModel(5);
    const row = 7;
    // A word gets one more connection: of one column of the embedding.
    const other = mapWeights(one, (name, tensor) => {
      if (name !== 'embedding') return tensor;
      const data = (tensor.data as Float32Array).slice();
      data[row * sizes.embedding + data.subarray(row * sizes.embedding).indexOf(0)] = 1;
      return sparseOf({ ...tensor, data });
    });
    const [embedding, ...rest] = distance(one, other).layers;
    const table = other.graph.initializers.get('embedding') as SparseTensor;
    const before = one.graph.initializers.get('embedding') as SparseTensor;
    const added = table.indices.find((i) => !before.indices.includes(i))! % sizes.embedding;
    const connections = table.indices.filter((i) => i % sizes.embedding === added).length;
    expect(embedding!.distance).toBeCloseTo(1 / connections / sizes.embedding, 12);
    expect(rest.map((layer) => layer.distance)).toEqual([0, 0]);
  });

  it('is about what chance gives where connections were drawn by lot', () => {
    const { layers } = distance(sparseModel(1, 0.2), sparseModel(2, 0.2));
    for (const { unpaired, byChance } of layers) expect(unpaired).toBeCloseTo(byChance, 1);
    expect(layers[0]!.byChance).toBeCloseTo(1 - 0.2 / 1.8, 1);
  });

  it('takes a unit that is gone for one without connections', () => {
    const model = sparseModel(4);
    const dead = 3;
    const silent = mapWeights(model, (name, tensor) => {
      if (!/lstm_0|lstm_1.weight/.test(name)) return tensor;
      const data = (tensor.data as Float32Array).slice();
      const cols = tensor.dims.at(-1)!;
      const isIn = (i: number) =>
        (name.startsWith('lstm_0') && Math.floor(i / cols) % sizes.hidden[0] === dead) ||
        (name !== 'lstm_0.weight' && i % cols === dead);
      return sparseOf({ ...tensor, data: data.map((w, i) => (isIn(i) ? 0 : w)) });
    });
    const traced = traceModel(silent);
    const live = liveComponents(traced.groups, weightsOf(constantPerUse(traced.prepared.graph)));
    const { model: smaller } = shrinkModel(silent, traced, (k) => live[k] === 0);
    expect(topologyOf(smaller).layers[1]!.units).toHaveLength(sizes.hidden[0] - 1);
    expect(distance(silent, smaller).distance).toBe(0);
    expect(distance(smaller, silent).distance).toBe(0);
  });
});

describe('models that are compared', () => {
  it('have their words in any order', () => {
    const model = sparseModel(6);
    const words = range(sizes.words).map((i) => `w${i}`);
    const order = { embedding: range(sizes.embedding), hidden: [range(6), range(4)] as [number[], number[]] };
    const turned = reordered(model, { ...order, words: range(sizes.words).reverse() });
    const fewer = reordered(model, { ...order, words: range(30) });
    const names = compareTopologies([
      { name: 'a', model, words },
      { name: 'b', model: turned, words: words.toReversed() },
      { name: 'c', model: fewer, words: words.slice(0, 30) },
    ]);
    expect(names.distances).toEqual([0, 1, 2].map(() => [0, 0, 0]));
  });

  it('may be sparse and dense, whatever the order of their tensors', () => {
    const model = sparseModel(7);
    const dense = mapWeights(model, (_, { elementType, dims, data }) => ({ elementType, dims, data }));
    const initializers = new Map([...dense.graph.initializers].reverse());
    const turned = { ...dense, graph: { ...dense.graph, initializers } };
    expect(distance(model, turned).distance).toBe(0);
  });

  it('must have the same layers and something sparse', () => {
    const dense = testModel({ vocabulary: 9, embedding: 3, layers: [{ hidden: 4, direction: 'forward' }] });
    const compare = (a: Model, b: Model) => () =>
      compareTopologies([
        { name: 'a', model: a },
        { name: 'b', model: b },
      ]);
    expect(compare(dense, dense)).toThrow('a and b cannot be compared: both models are dense');
    expect(compare(sparseModel(1), dense)).toThrow('a and b cannot be compared: these are models of different kinds');
    const order = { embedding: range(sizes.embedding), hidden: [range(6), range(4)] as [number[], number[]] };
    const fewer = reordered(sparseModel(1), { ...order, words: range(30) });
    expect(compare(sparseModel(1), fewer)).toThrow('embedding has 40 inputs in one and 30 in the other');
  });
});

it('counts a weight that is stored as a connection, also where it is zero', () => {
  const model = sparseModel(2);
  const zeroed = mapWeights(model, (_, tensor) => {
    const sparse = tensor as SparseTensor;
    return sparse.with((sparse.values as Float32Array).map(() => 0));
  });
  expect(distance(model, zeroed).distance).toBe(0);
});

it('counts the connections of words', () => {
  const words = ['the', 'of', 'rare', 'never'];
  const places = Uint32Array.of(0, 1, 2, 4, 5, 8);
  const table = new SparseTensor({ elementType: 'float32', dims: [4, 3] }, Float32Array.of(1, 1, 1, 1, 1, 1), places);
  const model = sparseModel(1);
  const graph = { ...model.graph, initializers: new Map([['embedding', table]]) };
  const found = wordConnections({ ...model, graph }, words)!;
  expect(found).toMatchObject({ mean: 1.5, without: 1 });
  expect(found.most.slice(0, 3)).toEqual([
    { word: 'the', count: 3 },
    { word: 'of', count: 2 },
    { word: 'rare', count: 1 },
  ]);
  expect(found.bands.map(({ from, to }) => [from, to])).toEqual([
    [0, 2],
    [2, 3],
    [3, 4],
  ]);
  expect(wordConnections({ ...model, graph }, words.slice(1))).toBeUndefined();
});
