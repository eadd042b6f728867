import { describe, expect, it } from 'vitest';
import { runGraph, randomTensor as testTensor } from '../../test/support/graphs.ts';
import { testModel, zeroSlices } from '../../test/support/models.ts';
import { floats } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, cast, gather, log, matmul, mul, reshape, squeeze, sub } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import { traceModel } from '../groups/traceModel.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { timeFirst } from '../passes/timeFirst.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { shrink, shrinkModel, shrinkZeros } from '../slim/shrink.ts';
import { randomTensor, smallSizes } from './randomInputs.ts';
import { assertEqual, assertWithin, verifyEqual } from './verify.ts';

const model = testModel({
  vocabulary: 5,
  embedding: 3,
  layers: [
    { hidden: 4, direction: 'bidirectional' },
    { hidden: 3, direction: 'reverse' },
  ],
});

function withChange(m: Model, name: string, change: (values: Float32Array) => void): Model {
  const old = m.graph.initializers.get(name)!;
  const data = Float32Array.from(old.data as Float32Array);
  change(data);
  return { ...m, graph: { ...m.graph, initializers: new Map(m.graph.initializers).set(name, { ...old, data }) } };
}

describe('verifyEqual', () => {
  it('finds no difference between a model and itself, over both runs of windows', async () => {
    expect(await verifyEqual(nodeRuntime, model, model, { batches: 2 })).toEqual({
      maxAbsDifference: 0,
      maxRelativeDifference: 0,
      meanAbsDifference: 0,
      meanRelativeDifference: 0,
      batches: 4,
    });
  });

  it('never has two sessions at a time', async () => {
    let [open, most] = [0, 0];
    const counting: Runtime = {
      ...nodeRuntime,
      async createSession(m) {
        most = Math.max(most, ++open);
        const session = await nodeRuntime.createSession(m);
        return {
          ...session,
          async release() {
            open--;
            await session.release();
          },
        };
      },
    };
    await verifyEqual(counting, model, model, { batches: 1 });
    expect([open, most]).toEqual([0, 1]);
  });

  it('measures a difference in one weight absolutely and relatively', async () => {
    const biased = withChange(model, 'head.bias', (b) => {
      b[2]! += 0.25;
    });
    const found = await verifyEqual(nodeRuntime, model, biased, { seed: 4 });
    expect(found.maxAbsDifference).toBeCloseTo(0.25, 5);
    expect(found.maxRelativeDifference).toBeGreaterThan(0.05);
    expect(found.meanAbsDifference).toBeLessThan(0.25 / 5);
    expect(found.meanAbsDifference).toBeGreaterThan(0);
  });

  it('sees not-a-number', async () => {
    const broken = withChange(model, 'head.bias', (b) => {
      b[2] = Number.NaN;
    });
    expect((await verifyEqual(nodeRuntime, model, broken)).maxAbsDifference).toBe(Number.POSITIVE_INFINITY);
    await expect(assertEqual(nodeRuntime, model, broken)).rejects.toThrow(/refused: .*Infinity/);
  });

  it('runs on given windows, with states of their batch', async () => {
    const tokens: Tensor = {
      elementType: 'int32',
      dims: [2, 6],
      data: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1),
    };
    expect(await verifyEqual(nodeRuntime, model, model, { feeds: [{ tokens }, { tokens }] })).toMatchObject({
      batches: 2,
      maxAbsDifference: 0,
    });
    await expect(verifyEqual(nodeRuntime, model, model, { feeds: [] })).rejects.toThrow(/at least one window/);
  });

  it('asks what was removed when states have other sizes', async () => {
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, new Set([1]), ['reads']) };
    const slim = shrinkZeros(sparse);
    expect(slim.layers.map((l) => l.after)).toEqual([3, 3, 3]);
    expect((await assertEqual(nodeRuntime, sparse, slim.model, { removal: slim })).batches).toBe(6);
    await expect(verifyEqual(nodeRuntime, sparse, slim.model)).rejects.toThrow();
  });

  it('agrees that a loop in primitive operators shrinks like the layer that it stands for', async () => {
    const groups = traceGroups(model.graph, { states: statesOf(model) });
    const graph = zeroSlices(model.graph, groups, new Set([0, 2, 5]), ['reads']);
    const removed = Uint8Array.of(1, 0, 1, 0, 0, 1, 0);
    const loops = shrink({ ...model, graph: lowerRecurrent(graph) }, groups, removed);
    expect(loops.graph.nodes.some((n) => n.op === 'Scan')).toBe(true);
    await assertEqual(nodeRuntime, { ...model, graph }, loops, { removal: { groups, removed } });
  });
});

describe('verifying any model', () => {
  /** Logits and their largest, of given weights. */
  function classifier(weights: number[], elementType: 'float32' | 'float16' = 'float32'): Model {
    const b = new GraphBuilder('classifier');
    let x: Value = b.input('x', 'float32', ['rows', 2]);
    let w: Value = b.parameter('w', floats([2, 2], weights));
    if (elementType === 'float16') [x, w] = [cast(x, 'float16'), cast(w, 'float16')];
    const y = matmul(x, w);
    b.output(y, 'y');
    const [best] = b.node('ArgMax', [y], { axis: 1, keepdims: 0 }, ['best']);
    b.output(best!);
    return modelOf(b.build());
  }

  it('refuses outputs that are not real numbers when any of them differs, and otherwise says how many agree', async () => {
    const [one, other] = [classifier([1, 2, 3, 4]), classifier([2, 1, 4, 3])];
    expect(await assertEqual(nodeRuntime, one, one)).toMatchObject({ agreement: 1 });
    const found = await verifyEqual(nodeRuntime, one, other);
    expect(found.agreement).toBeLessThan(1);
    await expect(assertEqual(nodeRuntime, one, other, { tolerance: 10 })).rejects.toThrow(
      /^refused: \d+ of \d+ elements differ in the outputs that are not real numbers/,
    );
  });

  it('within a bound takes the share of elements that differ in such outputs', async () => {
    const classesOf = ({ graph, ...rest }: Model): Model => {
      return { ...rest, graph: { ...graph, outputs: graph.outputs.filter(({ name }) => name === 'best') } };
    };
    const [one, other] = [classesOf(classifier([1, 2, 3, 4])), classesOf(classifier([2, 1, 4, 3]))];
    await expect(assertWithin(nodeRuntime, one, other, 0.01)).rejects.toThrow(
      /^refused: [\d.]+ % of the elements differ in the outputs that are not real numbers; the bound is 1 %/,
    );
    expect(await assertWithin(nodeRuntime, one, other, 1)).toMatchObject({ worst: undefined });
  });

  it('within a bound takes probabilities absolutely and the logits behind them by their size', async () => {
    const softmaxOf = (scale: number) => {
      const b = new GraphBuilder('softmax');
      const weights = Array.from({ length: 32 }, (_, i) => 20 * scale * Math.sin(i));
      const logits = matmul(b.input('x', 'float32', ['rows', 2]), b.parameter('w', floats([2, 16], weights)));
      b.output(b.node('Softmax', [logits], { axis: 1 }, ['p'])[0]!);
      return modelOf(b.build());
    };
    const bound = 0.02;
    const found = await assertWithin(nodeRuntime, softmaxOf(1), softmaxOf(1.01), bound);
    expect(found.maxRelativeDifference).toBeGreaterThan(bound);
    expect(found.maxAbsDifference).toBeLessThan(bound);
    expect(found.worst).toEqual({ output: 'MatMul_0_out', apart: expect.closeTo(0.01, 4) });
    await expect(assertWithin(nodeRuntime, softmaxOf(1), softmaxOf(1.1), 0.09)).rejects.toThrow(
      /^refused: outputs are off by up to 10 % \(relative\), in 'MatMul_0_out'/,
    );
    await expect(assertWithin(nodeRuntime, softmaxOf(1), softmaxOf(1.01), 0.001)).rejects.toThrow(/^refused/);
  });

  it('knows how precise the types of a model are', async () => {
    const [one, other] = [classifier([1, 2, 3, 4], 'float16'), classifier([1.001, 2, 3, 4], 'float16')];
    expect(await assertEqual(nodeRuntime, one, other)).toMatchObject({ maxRelativeDifference: expect.any(Number) });
    expect((await verifyEqual(nodeRuntime, one, other)).maxRelativeDifference).toBeGreaterThan(1e-5);
    await expect(assertEqual(nodeRuntime, one, classifier([1.1, 2, 3, 4], 'float16'))).rejects.toThrow(/in 'y'/);
  });

  it('starts from the states that the first window gives, and carries them on', async () => {
    const traced = traceModel(model);
    const slim = shrinkModel(
      model,
      traced,
      Uint8Array.from({ length: traced.groups.count }, (_, k) => (k < 2 ? 1 : 0)),
    );
    const tokens: Tensor = { elementType: 'int32', dims: [1, 2], data: Int32Array.of(1, 2) };
    const [input] = model.graph.inputs.filter((v) => v.name.endsWith('.h'));
    const state = floats([input!.type.shape![0] as number, 2, input!.type.shape![2] as number], new Float32Array(16));
    const removal = { groups: slim.groups, removed: slim.removed, prepared: traced.prepared };
    const feeds = [{ tokens, [input!.name]: state }, { tokens }];
    expect((await verifyEqual(nodeRuntime, model, slim.model, { feeds, removal })).batches).toBe(2);
  });

  it('carries states over the windows that warm up, and compares the others', async () => {
    const other = withChange(model, 'lstm_0.bias', (b) => {
      b[2]! += 0.5;
    });
    const tokens: Tensor = { elementType: 'int32', dims: [2, 2], data: Int32Array.of(1, 2, 3, 4) };
    const meanOf = async (count: number, warmUp: number) => {
      const feeds = Array.from({ length: count }, () => ({ tokens }));
      const { batches, meanAbsDifference } = await verifyEqual(nodeRuntime, model, other, { feeds, warmUp });
      expect(batches).toBe(count - warmUp);
      return meanAbsDifference;
    };
    const [first, second, both] = [await meanOf(1, 0), await meanOf(2, 1), await meanOf(2, 0)];
    expect(first).not.toBeCloseTo(second, 5);
    expect((first + second) / 2).toBeCloseTo(both, 8);
  });

  it('says on which inputs a model does not run', async () => {
    const tokens: Tensor = { elementType: 'int32', dims: [1, 1], data: Int32Array.of(77) };
    await expect(verifyEqual(nodeRuntime, model, model, { feeds: [{ tokens }] })).rejects.toThrow(
      /does not run on the given inputs \(tokens \[1,1\].*--inputs FILE/s,
    );
  });
});

describe('random inputs', () => {
  it('stay below the smallest table that is looked up with them', () => {
    const b = new GraphBuilder('g');
    const ids = b.input('ids', 'int64', ['rows']);
    const table = (name: string, rows: number) =>
      b.parameter(name, { elementType: 'float32', dims: [rows, 2], data: new Float32Array(2 * rows) });
    b.output(add(gather(table('large', 9), ids), gather(table('small', 3), reshape(ids, [-1]))));
    const { graph } = modelOf(b.build());
    const values = randomTensor(graph.inputs[0]!, graph, [200], seeded());
    const seen = new Set(Array.from(values.data as BigInt64Array, Number));
    expect([...seen].sort()).toEqual([0, 1, 2]);
  });

  it('have small sizes for free dimensions, which fit each other', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 'batch', 2]);
    b.output(matmul(x, b.input('y', 'float32', ['batch', 2, 'other'])));
    expect(smallSizes(b.build())).toEqual({ time: 7, batch: 7, other: 3 });
  });
});

function seeded(): () => number {
  let i = 0;
  return () => ((i++ * 37) % 101) / 101;
}

describe('what a comparison must not pass', () => {
  /** Units of an LSTM beside what hides them; `W` of the head is cut to nothing in the other model. */
  const models = (hide: (h: Value) => Value): [Model, Model] => {
    const build = (scale: number) => {
      const b = new GraphBuilder('g');
      const x = b.input('x', 'float32', ['time', 'batch', 2]);
      const inputs = [x, b.parameter('W', testTensor([1, 12, 2], 1)), b.parameter('R', testTensor([1, 12, 3], 2))];
      const h = squeeze(b.node('LSTM', inputs, { hidden_size: 3 })[0]!, [1]);
      b.output(hide(matmul(h, b.parameter('head', testTensor([3, 4], 3, scale)))), 'y');
      return modelOf(b.build());
    };
    return [build(1), build(0)];
  };

  it('a model that gives nothing but NaN', async () => {
    const [a, b] = models((h) => log(sub(mul(h, 0), 1)));
    await expect(assertEqual(nodeRuntime, a, b)).rejects.toThrow(/only NaN and infinity at 'y'.*proves nothing/);
  });

  it('outputs without an element', async () => {
    const [a, b] = models((h) => reshape(mul(h, 1), [-1, 4]));
    const x: Tensor = { elementType: 'float32', dims: [0, 2, 2], data: new Float32Array() };
    for (const compare of [assertEqual, verifyEqual]) {
      const without = withoutLayer(a);
      await expect(compare(nodeRuntime, without, without, { feeds: [{ x }] })).rejects.toThrow(
        "refused: the model gives nothing at 'y' on these inputs",
      );
    }
    await expect(assertEqual(nodeRuntime, a, b)).rejects.toThrow(/outputs of the two models differ/);
  });

  it('a difference beside one huge value', async () => {
    const [a, b] = models((h) => add(h, h.builder.float([0, 0, 0, -1e9])));
    await expect(assertEqual(nodeRuntime, a, b)).rejects.toThrow(/outputs of the two models differ/);
  });
});

/** The same inputs, only added up: an engine does not survive an LSTM without steps. */
function withoutLayer({ graph: { inputs } }: Model): Model {
  const b = new GraphBuilder('g');
  b.output(add(b.input('x', 'float32', inputs[0]!.type.shape!), 1), 'y');
  return modelOf(b.build());
}

it('runs batch-first operators, which the engine does not know', async () => {
  const graph = (layout: number) => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', layout === 1 ? ['batch', 'time', 2] : ['time', 'batch', 2]);
    const inputs = [x, b.parameter('W', testTensor([1, 12, 2], 1)), b.parameter('R', testTensor([1, 12, 3], 2))];
    for (const output of b.node('LSTM', inputs, { hidden_size: 3, layout }, ['y', 'h', 'c'])) b.output(output);
    return modelOf(b.build());
  };
  expect((await assertEqual(nodeRuntime, graph(1), graph(1))).maxAbsDifference).toBe(0);
  const x = testTensor([4, 2, 2], 5);
  const turned = await runGraph(timeFirst(graph(1)).graph, { x: { ...x, dims: [2, 4, 2] } });
  expect(turned.y!.dims).toEqual([2, 4, 1, 3]);
  expect(turned.h!.dims).toEqual([2, 1, 3]);
});
