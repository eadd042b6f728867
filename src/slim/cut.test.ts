import { describe, expect, it } from 'vitest';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { randomStream, uniform } from '../base/random.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { sizeOf } from '../graph/dims.ts';
import { modelOf } from '../graph/model.ts';
import { add, matmul, relu, squeeze } from '../graph/ops.ts';
import type { Model } from '../graph/types.ts';
import { groupNorms, weightsOf } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { costsOf } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { verifyEqual } from '../verify/verify.ts';
import { type CutTarget, planCut } from './cut.ts';
import { shrinkModel } from './shrink.ts';

const stacked = testModel({
  vocabulary: 12,
  embedding: 6,
  layers: [
    { hidden: 10, direction: 'forward' },
    { hidden: 8, direction: 'reverse' },
  ],
});

/** x [time, batch, 3] → LSTM a of `units` → LSTM b of as many, added to what it read → linear. */
function residualModel(units: number): Model {
  const random = randomStream(3);
  const b = new GraphBuilder('residual');
  const parameter = (name: string, dims: readonly number[]) =>
    b.parameter(name, { elementType: 'float32', dims, data: uniform(sizeOf(dims), 0.5, random) });
  const lstm = (name: string, x: Value, inputs: number): Value => {
    const weights = [parameter(`${name}.w`, [1, 4 * units, inputs]), parameter(`${name}.r`, [1, 4 * units, units])];
    const [y] = b.node('LSTM', [x, ...weights], { hidden_size: units }, 1, '', name);
    return squeeze(y!, [1]);
  };
  const first = lstm('a', b.input('x', 'float32', ['time', 'batch', 3]), 3);
  b.output(matmul(add(first, lstm('b', first, units)), parameter('head', [units, 2])), 'y');
  return modelOf(b.build());
}

/** Plans, cuts, and checks that everything is as announced and the result runs. */
async function cut(model: Model, target: CutTarget, multiple?: number) {
  const traced = traceModel(model);
  const plan = planCut(traced, target, costsOf(model).parameters, { multiple });
  const slim = shrinkModel(model, traced, plan.removed);
  expect(slim.layers).toEqual(plan.layers);
  const { layers, parameters } = describeModel(slim.model);
  expect(layers.map((l) => l.units)).toEqual(plan.layers.map((l) => l.after));
  expect(parameters).toBe(plan.parameters.after);
  const { groups, removed } = slim;
  const difference = await verifyEqual(nodeRuntime, model, slim.model, {
    removal: { groups, removed, prepared: traced.prepared },
  });
  expect(difference.maxAbsDifference).toBeLessThan(Number.POSITIVE_INFINITY);
  return { ...plan, groups, difference, units: plan.layers.map((l) => l.after) };
}

const units = (entries: Record<string, number>): CutTarget => ({
  kind: 'units',
  units: new Map(Object.entries(entries)),
});

/** The model with the readers of these components zero, so that they can leave without loss. */
function withDead(model: Model, components: readonly number[]): Model {
  const { prepared, groups } = traceModel(model);
  return { ...model, graph: zeroSlices(prepared.graph, groups, new Set(components), ['reads']) };
}

describe('planCut', () => {
  it('keeps a fraction of each layer, the units with the largest norms', async () => {
    const { removed, groups, units, difference } = await cut(stacked, { kind: 'keep', fraction: 0.5 });
    expect(units).toEqual([5, 4]);
    expect(difference.maxAbsDifference).toBeGreaterThan(1e-3);
    const norms = groupNorms(groups, weightsOf(stacked.graph));
    for (const { components } of groups.layers) {
      const kept = [...components].filter((k) => removed[k] === 0).map((k) => norms[k]!);
      const gone = [...components].filter((k) => removed[k] === 1).map((k) => norms[k]!);
      expect(Math.min(...kept)).toBeGreaterThan(Math.max(...gone));
    }
  });

  it.each([
    [0.01, [1, 1]],
    [0.26, [3, 2]],
    [1, [10, 8]],
  ])('rounds --keep %d, and leaves one unit at least', async (fraction, expected) => {
    expect((await cut(stacked, { kind: 'keep', fraction })).units).toEqual(expected);
  });

  it('lets units that nothing reads go first and always, whatever their norms', async () => {
    const model = withDead(stacked, [0, 1, 2, 3, 4, 5, 6, 10]);
    expect((await cut(model, { kind: 'lossless' })).difference.maxRelativeDifference).toBeLessThan(1e-5);
    const { units, removed } = await cut(model, { kind: 'keep', fraction: 0.5 });
    expect(units).toEqual([3, 4]);
    expect([...removed.subarray(0, 11)]).toEqual([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1]);
    expect((await cut(model, { kind: 'below', norm: 1e-9 })).units).toEqual([3, 7]);
    expect((await cut(model, { kind: 'params', fraction: 1 })).units).toEqual([3, 7]);
  });

  it('cuts to the largest number of parameters that is not above the fraction', async () => {
    for (const fraction of [0.9, 0.6, 0.4]) {
      const { parameters, removed } = await cut(stacked, { kind: 'params', fraction });
      expect(parameters.after).toBeLessThanOrEqual(fraction * parameters.before);
      // One unit of a layer is less than 8 % of this model.
      expect(parameters.after).toBeGreaterThan((fraction - 0.08) * parameters.before);
      expect(removed).toContain(1);
    }
  });

  it('compares layers of different scale', async () => {
    const loud = new Map(stacked.graph.initializers);
    for (const name of ['lstm_0.weight', 'lstm_0.recurrent']) {
      const tensor = loud.get(name)!;
      loud.set(name, { ...tensor, data: Float32Array.from(tensor.data as Float32Array, (v) => 100 * v) });
    }
    const model = { ...stacked, graph: { ...stacked.graph, initializers: loud } };
    const [first, second] = (await cut(model, { kind: 'params', fraction: 0.6 })).units as [number, number];
    expect(first).toBeLessThan(9);
    expect(second).toBeLessThan(8);
  });

  it('says how far a model can be cut', () => {
    const traced = traceModel(stacked);
    const plan = (fraction: number) => planCut(traced, { kind: 'params', fraction });
    expect(() => plan(0.05)).toThrow(/cannot be cut to 0.05 of its \d+ parameters.*embeddings/);
    const smallest = Number(/smallest possible is --params (\S+)/.exec(messageOf(() => plan(0.05)))![1]);
    expect(plan(smallest).layers.map((l) => l.after)).toEqual([1, 1]);
    expect(() => plan(smallest - 2e-4)).toThrow(/cannot be cut/);
  });

  it('removes groups below a norm, but one of each layer', async () => {
    const norms = groupNorms(traceModel(stacked).groups, weightsOf(stacked.graph));
    const norm = norms.subarray(0, 10).toSorted()[4]!;
    const { units } = await cut(stacked, { kind: 'below', norm });
    expect(units).toEqual([6, Math.max(1, norms.subarray(10).filter((n) => n >= norm).length)]);
    expect((await cut(stacked, { kind: 'below', norm: 1e9 })).units).toEqual([1, 1]);
  });

  it('cuts named layers to exact numbers of units', async () => {
    expect((await cut(stacked, units({ lstm_0: 3 }))).units).toEqual([3, 8]);
    expect((await cut(stacked, units({ lstm_0: 10, LSTM_1: 2 }))).units).toEqual([10, 2]);
    const model = withDead(stacked, [0, 1, 2, 10]);
    const { units: left, removed } = await cut(model, units({ lstm_0: 9 }));
    expect(left).toEqual([9, 7]);
    expect([...removed.subarray(0, 3)].reduce((a, b) => a + b)).toBe(1);
  });

  it('takes the name of a bidirectional node for both its directions', async () => {
    const both = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 6, direction: 'bidirectional' }] });
    expect((await cut(both, units({ lstm_0: 2 }))).units).toEqual([2, 2]);
    expect((await cut(both, { kind: 'keep', fraction: 0.5 })).units).toEqual([3, 3]);
  });

  it('keeps the best of what would go, so that layers have a multiple of units, or all', async () => {
    const model = withDead(stacked, [0, 1, 2, 3, 4, 5, 6, 10]);
    const lossless = await cut(model, { kind: 'lossless' }, 4);
    expect(lossless.units).toEqual([4, 8]);
    expect(lossless.difference.maxRelativeDifference).toBeLessThan(1e-5);
    const without = await cut(stacked, { kind: 'keep', fraction: 0.3 });
    const rounded = await cut(stacked, { kind: 'keep', fraction: 0.3 }, 4);
    expect([without.units, rounded.units]).toEqual([
      [3, 2],
      [4, 4],
    ]);
    const norms = groupNorms(rounded.groups, weightsOf(stacked.graph));
    const back = [...without.removed.keys()].filter((k) => without.removed[k] === 1 && rounded.removed[k] === 0);
    const [best] = [...without.removed.keys()]
      .filter((k) => k < 10 && without.removed[k] === 1)
      .sort((a, b) => norms[b]! - norms[a]!);
    expect(back.filter((k) => k < 10)).toEqual([best]);
    expect((await cut(stacked, { kind: 'keep', fraction: 0.3 }, 16)).units).toEqual([10, 8]);
    expect((await cut(residualModel(6), { kind: 'keep', fraction: 0.5 }, 4)).units).toEqual([4, 4]);
  });

  it('removes units that layers share from all of them', async () => {
    const model = residualModel(6);
    const { units: left, removed } = await cut(model, { kind: 'keep', fraction: 0.5 });
    expect(left).toEqual([3, 3]);
    expect(removed).toHaveLength(6);
    expect((await cut(model, units({ a: 2 }))).units).toEqual([2, 2]);
    const disagree = () => planCut(traceModel(model), units({ a: 2, b: 3 }));
    expect(disagree).toThrow(/'a' cannot have 2 units: it shares units with 'b'; name one of these layers/);
  });

  it.each([
    [{ lstm_2: 3 }, /there is no layer 'lstm_2' \(did you mean 'lstm_\d'\?\); layers are 'lstm_0', 'lstm_1'/],
    [{ lstm: 3 }, /'lstm' may mean any of 'lstm_0', 'lstm_1'/],
    [{ lstm_0: 11 }, /'lstm_0' has 10 units; it cannot be cut to 11/],
    [{ lstm_0: 0 }, /'lstm_0' must keep at least one unit/],
    [{ lstm_0: 2, LSTM_0: 2 }, /number of units of 'lstm_0' is given twice/],
  ])('refuses %j', (entries, message) => {
    expect(() => planCut(traceModel(stacked), units(entries))).toThrow(message);
  });

  it('leaves layers alone whose units must stay, and says so when they are named', () => {
    const b = new GraphBuilder('states_out');
    const weights = [
      b.parameter('w', { elementType: 'float32', dims: [1, 16, 2], data: new Float32Array(32).fill(1) }),
      b.parameter('r', { elementType: 'float32', dims: [1, 16, 4], data: new Float32Array(64).fill(1) }),
    ];
    const x = b.input('x', 'float32', ['time', 'batch', 2]);
    const [y] = b.node('LSTM', [x, ...weights], { hidden_size: 4 }, 1, '', 'only');
    b.output(relu(y!), 'y');
    const traced = traceModel(modelOf(b.build()));
    expect(planCut(traced, { kind: 'keep', fraction: 0.5 }).layers).toEqual([{ name: 'only', before: 4, after: 4 }]);
    expect(() => planCut(traced, units({ only: 2 }))).toThrow(
      /'only' cannot be cut to 2 units: 4 of its units must stay/,
    );
  });
});

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('nothing was thrown');
}
