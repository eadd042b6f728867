import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { randomStream, uniform } from '../base/random.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf, OPSET } from '../graph/model.ts';
import { matmul, squeeze } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { type TracedModel, traceModel } from '../groups/traceModel.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Tensors } from '../runtime/runtime.ts';
import { verifyEqual } from '../verify/verify.ts';
import { activityKey, activityOf, measureActivity } from './activity.ts';
import { type CompensationKind, compensate } from './compensate.ts';
import { unitReaders } from './readers.ts';
import { shrinkModel } from './shrink.ts';

const cells = { LSTM: 4, GRU: 3, RNN: 1 } as const;
type Cell = keyof typeof cells;

interface Made {
  readonly cell: Cell;
  readonly biases?: boolean;
  readonly attributes?: Record<string, number>;
  readonly opset?: number;
}

const HIDDEN = 5;

function drawn(dims: readonly number[], random: () => number): Tensor {
  return floats(
    dims,
    uniform(
      dims.reduce((a, b) => a * b, 1),
      0.5,
      random,
    ),
  );
}

/** x [time, batch, 3] → two layers of 5 units → linear without a bias. */
function twoLayers({ cell, biases = true, attributes = {}, opset = OPSET }: Made): Model {
  const random = randomStream(4);
  const b = new GraphBuilder('two', undefined, opset);
  let x = b.input('x', 'float32', ['time', 'batch', 3]);
  for (const [name, inputs] of [
    ['a', 3],
    ['b', HIDDEN],
  ] as const) {
    const rows = cells[cell] * HIDDEN;
    const shapes = { w: [1, rows, inputs], r: [1, rows, HIDDEN], ...(biases && { b: [1, 2 * rows] }) };
    const weights = Object.entries(shapes).map(([part, dims]) => b.parameter(`${name}.${part}`, drawn(dims, random)));
    const [y] = b.node(cell, [x, ...weights], { hidden_size: HIDDEN, ...attributes }, 1, '', name);
    x = squeeze(y!, [1]);
  }
  b.output(matmul(x, b.parameter('head', drawn([HIDDEN, 2], random))), 'y');
  return { ...modelOf(b.build()), opsets: { '': opset } };
}

/** The model with other values in a tensor. */
function withTensor(model: Model, name: string, change: (value: number, index: number) => number): Model {
  const tensor = model.graph.initializers.get(name)!;
  const data = Float32Array.from(tensor.data as Float32Array, change);
  return {
    ...model,
    graph: { ...model.graph, initializers: new Map(model.graph.initializers).set(name, { ...tensor, data }) },
  };
}

/** Unit `unit` of an RNN layer becomes tanh(value) at every step, whatever comes in. */
function withConstant(model: Model, layer: string, unit: number, value: number): Model {
  const row = (inputs: number) => (v: number, i: number) => (Math.floor(i / inputs) === unit ? 0 : v);
  const inputs = model.graph.initializers.get(`${layer}.w`)!.dims[2]!;
  const silent = withTensor(withTensor(model, `${layer}.w`, row(inputs)), `${layer}.r`, row(HIDDEN));
  return withTensor(silent, `${layer}.b`, (v, i) => (i === unit ? value : i === unit + HIDDEN ? 0 : v));
}

/** Unit `to` of an RNN layer becomes a copy of unit `from`. */
function withCopy(model: Model, layer: string, from: number, to: number): Model {
  return ['w', 'r', 'b'].reduce((made, part) => {
    const name = `${layer}.${part}`;
    const { dims, data } = made.graph.initializers.get(name)!;
    const width = part === 'b' ? 1 : dims[2]!;
    const source = (i: number) => (Math.floor(i / width) % HIDDEN === to ? i + (from - to) * width : i);
    return withTensor(made, name, (_, i) => Number(data[source(i)]));
  }, model);
}

const sequences = (time: number, seed = 9): Tensors => ({ x: drawn([time, 4, 3], randomStream(seed)) });

/** What the outputs lose by a cut, plainly or with compensation. */
async function lossOf(
  model: Model,
  units: readonly number[],
  kind: CompensationKind | 'none',
  windows: readonly Tensors[],
  ridge?: number,
) {
  const traced = traceModel(model);
  const removed = Uint8Array.from({ length: traced.groups.count }, (_, k) => (units.includes(k) ? 1 : 0));
  const made: TracedModel & { left?: number } =
    kind === 'none'
      ? traced
      : compensate(traced, removed, await measureActivity(nodeRuntime, traced, [windows]), kind, ridge);
  const slim = shrinkModel(model, made, removed).model;
  const removal = { groups: traced.groups, removed, prepared: traced.prepared };
  const difference = await verifyEqual(nodeRuntime, model, slim, {
    feeds: windows,
    removal,
    states: statesOf(traced.prepared),
  });
  return { loss: difference.maxAbsDifference, left: made.left, slim };
}

describe('measureActivity', () => {
  it('gives mean and second moments of what readers read, the same in one window as in several', async () => {
    const traced = traceModel(withConstant(twoLayers({ cell: 'RNN' }), 'a', 2, 0.7));
    const [whole, other] = [sequences(6), sequences(6, 10)];
    const activity = await measureActivity(nodeRuntime, traced, [[whole, other]]);
    const { readers } = unitReaders(traced.prepared.graph, traced.groups);
    expect(readers.map((r) => r.weight)).toEqual(['a.r', 'b.w', 'b.r', 'head']);
    for (const reader of readers.slice(0, 2)) {
      const { count, mean, products } = activity.get(activityKey(reader))!;
      expect(count).toBe(48);
      expect(mean[2]).toBeCloseTo(Math.tanh(0.7), 6);
      expect(products[2 * HIDDEN + 1]).toBeCloseTo(Math.tanh(0.7) * mean[1]!, 6);
    }
    expect(activityOf(traced, activity)[2]).toBeCloseTo(Math.tanh(0.7), 6);
  });

  it.each([7, 9, 11, 13, 17])('measures, and compensation runs, in operator set %i', async (opset) => {
    const model = twoLayers({ cell: 'LSTM', biases: false, opset });
    expect((await lossOf(model, [1], 'least-squares', [sequences(6)])).left).toBe(0);
  });

  it('runs nothing where no weight reads a unit', async () => {
    const b = new GraphBuilder('dense');
    b.output(matmul(b.input('x', 'float32', ['batch', 2]), b.parameter('w', drawn([2, 3], randomStream(1)))), 'y');
    const activity = await measureActivity(nodeRuntime, traceModel(modelOf(b.build())), [
      [{ x: floats([1, 2], [1, 2]) }],
    ]);
    expect(activity.size).toBe(0);
  });
});

describe('compensate', () => {
  it('by means removes a unit that is constant, and that nothing reads before the first step, without loss', async () => {
    const model = withTensor(withConstant(twoLayers({ cell: 'RNN' }), 'a', 2, 0.7), 'a.r', (v, i) =>
      i % HIDDEN === 2 ? 0 : v,
    );
    const inputs = [sequences(6)];
    expect((await lossOf(model, [2], 'none', inputs)).loss).toBeGreaterThan(0.05);
    expect((await lossOf(model, [2], 'mean', inputs)).loss).toBeLessThan(1e-6);
    expect((await lossOf(model, [2], 'least-squares', inputs)).loss).toBeLessThan(1e-6);
  });

  it('by least squares removes the copy of a unit without loss', async () => {
    const model = withCopy(twoLayers({ cell: 'RNN' }), 'a', 1, 3);
    const inputs = [sequences(40)];
    expect((await lossOf(model, [3], 'none', inputs)).loss).toBeGreaterThan(0.05);
    expect((await lossOf(model, [3], 'mean', inputs)).loss).toBeGreaterThan(0.05);
    expect((await lossOf(model, [3], 'least-squares', inputs, 1e-7)).loss).toBeLessThan(1e-5);
  });

  it.each<Made>([
    { cell: 'LSTM' },
    { cell: 'LSTM', biases: false },
    { cell: 'GRU', attributes: { linear_before_reset: 1 } },
    { cell: 'GRU', biases: false },
    { cell: 'RNN', biases: false },
  ])('makes biases where there are none, and loses less: %j', async (made) => {
    const model = twoLayers(made);
    const biased = made.biases === false ? model : withTensor(model, 'a.b', (v) => v + 0.5);
    const inputs = [sequences(30)];
    const plain = await lossOf(biased, [1, 2, 6, 7], 'none', inputs);
    for (const kind of ['mean', 'least-squares'] as const) {
      const { loss, left, slim } = await lossOf(biased, [1, 2, 6, 7], kind, inputs);
      expect(left).toBe(0);
      if (made.biases !== false) expect(loss).toBeLessThan(plain.loss);
      const dims = slim.graph.nodes
        .filter((n) => n.op === made.cell)
        .map((n) => slim.graph.initializers.get(n.inputs[3]!)!.dims);
      expect(dims).toEqual([1, 2].map(() => [1, 2 * cells[made.cell] * 3]));
    }
  });

  it('follows streaming states and both directions', async () => {
    const layers = [
      { hidden: 6, direction: 'bidirectional' },
      { hidden: 5, direction: 'forward' },
    ] as const;
    const model = withTensor(testModel({ vocabulary: 9, embedding: 4, layers }), 'lstm_0.bias', (v) => v + 0.4);
    const random = randomStream(2);
    const tokens = (): Tensors => {
      const data = Int32Array.from({ length: 60 }, () => Math.floor(9 * random()));
      return { tokens: { elementType: 'int32', dims: [10, 6], data } };
    };
    const windows = [tokens(), tokens()];
    const units = [0, 1, 7, 8];
    const plain = await lossOf(model, units, 'none', windows);
    for (const kind of ['mean', 'least-squares'] as const) {
      const { loss, left } = await lossOf(model, units, kind, windows);
      expect(loss).toBeLessThan(plain.loss);
      expect(left).toBe(0);
    }
  });

  it('changes nothing when what goes is read by zeros alone', async () => {
    const model = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 6, direction: 'forward' }] });
    const { prepared, groups } = traceModel(model);
    const tokens = { elementType: 'int32', dims: [3, 2], data: Int32Array.from([0, 1, 2, 3, 4, 0]) } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
        async (units) => {
          const silent = traceModel({ ...model, graph: zeroSlices(prepared.graph, groups, new Set(units), ['reads']) });
          const activity = await measureActivity(nodeRuntime, silent, [[{ tokens }]]);
          for (const kind of ['mean', 'least-squares'] as const) {
            const made = compensate(silent, (k) => units.includes(k), activity, kind);
            for (const [name, tensor] of silent.prepared.graph.initializers) {
              expect(made.prepared.graph.initializers.get(name)).toEqual(tensor);
            }
            expect(made.left).toBe(0);
          }
        },
      ),
      { numRuns: 12 },
    );
  });
});
