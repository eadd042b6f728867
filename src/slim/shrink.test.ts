import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomTensor, runGraph } from '../../test/support/graphs.ts';
import { type TestModelOptions, testModel, zeroSlices } from '../../test/support/models.ts';
import { randomStream, uniform } from '../base/random.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { concat, matmul, reshape, slice, split, squeeze } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { liveComponents, weightsOf } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import { languageModel } from '../models/languageModel.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { assertEqual, verifyEqual } from '../verify/verify.ts';
import { shrink, shrinkZeros } from './shrink.ts';
import { sliceByGroups } from './slice.ts';

const trace = (model: Model) => traceGroups(model.graph, { states: statesOf(model) });

const dims = (model: Model) => Object.fromEntries([...model.graph.initializers].map(([name, t]) => [name, t.dims]));

const layers = fc.array(
  fc.record({
    hidden: fc.integer({ min: 1, max: 5 }),
    direction: fc.constantFrom('forward' as const, 'reverse' as const, 'bidirectional' as const),
  }),
  { minLength: 1, maxLength: 3 },
);
const options: fc.Arbitrary<TestModelOptions> = fc.record({
  vocabulary: fc.integer({ min: 2, max: 6 }),
  embedding: fc.integer({ min: 1, max: 4 }),
  layers,
  seed: fc.integer({ min: 1, max: 1000 }),
});

/** A model and some of its units: at least one of every layer is left out. */
function pick(o: TestModelOptions, choice: number) {
  const model = testModel(o);
  const groups = trace(model);
  const random = randomStream(choice);
  const chosen = new Set(
    groups.layers.flatMap((l) => [...new Set(l.components)].slice(1)).filter(() => random() < 0.5),
  );
  return { model, groups, chosen };
}

describe('shrinkZeros', () => {
  it('removes the units that nothing reads, and the model computes the same over windows', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.integer({ min: 1, max: 1000 }), async (o, choice) => {
        const { model, groups, chosen } = pick(o, choice);
        const sparse = { ...model, graph: zeroSlices(model.graph, groups, chosen, ['reads']) };
        const slim = shrinkZeros(sparse);
        slim.layers.forEach((l, i) => {
          const lost = groups.layers[i]!.components.filter((k) => chosen.has(k)).length;
          expect(l).toMatchObject({ before: o.layers[indexOf(l.name)]!.hidden });
          expect(l.after).toBe(l.before - lost);
        });
        await assertEqual(nodeRuntime, sparse, slim.model, { removal: slim, seed: choice });
      }),
      { numRuns: 25 },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 1000 }), (o, choice) => {
        const { model, groups, chosen } = pick(o, choice);
        const once = shrinkZeros({ ...model, graph: zeroSlices(model.graph, groups, chosen, ['reads']) });
        const twice = shrinkZeros(once.model);
        expect(twice.model).toBe(once.model);
        expect(twice.layers.every((l) => l.after === l.before)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('leaves units whose producers are zero, as their biases drive them', () => {
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 1000 }), (o, choice) => {
        const { model, groups, chosen } = pick(o, choice);
        const quiet = zeroSlices(model.graph, groups, chosen, ['produces']);
        // A chosen unit may have been read by chosen ones only; what anything else reads must stay.
        const heads = groups.axes.find((a) => a.tensor === 'head.weight');
        const live = liveComponents(groups, weightsOf(quiet));
        for (const k of heads?.components ?? []) expect(live[k]).toBe(1);
        expect(shrinkZeros({ ...model, graph: quiet }).layers.at(-1)).toMatchObject({
          after: o.layers.at(-1)!.hidden,
        });
      }),
      { numRuns: 25 },
    );
  });

  it('keeps the strongest unit of a layer that nothing reads', async () => {
    const model = testModel({
      vocabulary: 5,
      embedding: 3,
      layers: [
        { hidden: 3, direction: 'forward' },
        { hidden: 3, direction: 'forward' },
      ],
    });
    const groups = trace(model);
    const graph = zeroSlices(
      zeroSlices(model.graph, groups, new Set([3, 4, 5]), ['reads']),
      groups,
      new Set([0, 1, 3, 5]),
      ['produces'],
    );
    const slim = shrinkZeros({ ...model, graph });
    expect([...slim.removed]).toEqual([1, 1, 0, 1, 0, 1]);
    expect(slim.layers.map((l) => l.after)).toEqual([1, 1]);
    await assertEqual(nodeRuntime, { ...model, graph }, slim.model, { removal: slim });
  });

  it('shrinks the language model, constants and state types included, and survives the file', async () => {
    const model = languageModel({ vocabulary: 9, embedding: 4, hidden: [4, 4], keep: 0.5 });
    const groups = trace(model);
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, new Set([0, 2, 5]), ['reads']) };
    const slim = shrinkZeros(sparse);
    expect(dims(slim.model)).toEqual({
      embedding: [9, 4],
      'lstm_0.weight': [1, 8, 4],
      'lstm_0.recurrent': [1, 8, 2],
      'lstm_0.bias': [1, 8],
      'lstm_1.weight': [1, 12, 2],
      'lstm_1.recurrent': [1, 12, 3],
      'lstm_1.bias': [1, 12],
      'head.weight': [3, 9],
      'head.bias': [9],
    });
    const typed = [...slim.model.graph.inputs, ...slim.model.graph.outputs].map((v) => [v.name, v.type.shape]);
    expect(Object.fromEntries(typed)).toMatchObject({
      'lstm_0.h': [1, 'batch', 2],
      'lstm_1.c_next': [1, 'batch', 3],
      logits: ['time', 'batch', 9],
    });
    await assertEqual(nodeRuntime, sparse, readModel(writeModel(slim.model)), { removal: slim });
  });
});

describe('shrink', () => {
  const random = randomStream(3);
  const tensor = (dims: readonly number[]) => {
    const size = dims.reduce((a, d) => a * d, 1);
    return { elementType: 'float32' as const, dims, data: uniform(size, 0.5, random) };
  };
  const layer = (b: GraphBuilder, name: string, inputs: number, hidden: number) => {
    const x = b.value('x');
    const weights = [
      b.parameter(`${name}.W`, tensor([1, 4 * hidden, inputs])),
      b.parameter(`${name}.R`, tensor([1, 4 * hidden, hidden])),
    ];
    return squeeze(b.node('LSTM', [x, ...weights], { hidden_size: hidden }, [`${name}.Y`])[0]!, [1]);
  };

  it('adapts sizes that the graph spells out: Split, Slice, Gather, Reshape', async () => {
    const b = new GraphBuilder('g');
    b.input('x', 'float32', ['time', 'batch', 2]);
    const both = concat([layer(b, 'a', 2, 3), layer(b, 'b', 2, 3)], 2);
    // Equal parts without sizes become unequal ones.
    const [first, second] = split(both, 2, 2);
    b.output(matmul(first!, b.parameter('u', tensor([3, 2]))), 'halves');
    b.output(matmul(second!, b.parameter('v', tensor([3, 2]))), 'other');
    b.output(matmul(slice(both, [1], [-1], [2]), b.parameter('w', tensor([4, 2]))), 'slice');
    const [picked] = b.node('Gather', [both, b.ints([5, 0, 4])], { axis: 2 });
    b.output(matmul(picked!, b.parameter('z', tensor([3, 2]))), 'picked');
    b.output(matmul(reshape(both, [-1, 6]), b.parameter('q', tensor([6, 2]))), 'rows');
    const model = modelOf(b.build());
    const groups = trace(model);
    const removed = new Set([1, 3, 4]);
    const sparse = { ...model, graph: zeroSlices(model.graph, groups, removed, ['reads']) };
    const slim = shrink(sparse, groups, (k) => removed.has(k));
    expect(dims(slim)).toMatchObject({ u: [2, 2], v: [1, 2], w: [1, 2], z: [2, 2], q: [3, 2] });
    await assertEqual(nodeRuntime, sparse, slim);
  });

  it('gives a state that a constant spells out its new size', async () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', 'float32', ['time', 1, 2]);
    const start = b.node('ConstantOfShape', [b.ints([1, 1, 3])])[0];
    const weights = [b.parameter('W', tensor([1, 12, 2])), b.parameter('R', tensor([1, 12, 3]))];
    const [y] = b.node('LSTM', [x, ...weights, undefined, undefined, start, start], { hidden_size: 3 });
    b.output(matmul(squeeze(y!, [1]), b.parameter('w', tensor([3, 2]))));
    const model = modelOf(b.build());
    const slim = shrink(model, trace(model), (k) => k === 0);
    const [logits] = Object.values(await runGraph(slim.graph, { x: randomTensor([4, 1, 2]) }));
    expect(logits!.dims).toEqual([4, 1, 2]);
    expect(slim.graph.initializers.get('R')!.dims).toEqual([1, 8, 2]);
  });

  it('makes a lossy cut without complaint, whose difference can be measured', async () => {
    const model = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 4, direction: 'forward' }] });
    const groups = trace(model);
    const slim = shrink(model, groups, Uint8Array.of(0, 1, 0, 0));
    const removal = { groups, removed: Uint8Array.of(0, 1, 0, 0) };
    expect((await verifyEqual(nodeRuntime, model, slim, { removal })).maxRelativeDifference).toBeGreaterThan(1e-3);
    await expect(assertEqual(nodeRuntime, model, slim, { removal })).rejects.toThrow(/refused: .* more than rounding/);
  });

  it('refuses groups of another model', () => {
    const make = (hidden: number) =>
      testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden, direction: 'forward' }] });
    expect(() => shrink(make(4), trace(make(3)), (k) => k === 0)).toThrow(/trace the groups of this model/);
    expect(() => shrink(make(4), trace(make(4)), new Uint8Array(3))).toThrow(/4 components, but 3 flags/);
  });
});

describe('sliceByGroups', () => {
  it('slices along all axes at once, and leaves what the groups do not mention', () => {
    const model = testModel({ vocabulary: 5, embedding: 3, layers: [{ hidden: 2, direction: 'forward' }] });
    const groups = trace(model);
    const momentum = {
      elementType: 'float32' as const,
      dims: [1, 8, 2],
      data: Float32Array.from({ length: 16 }, (_, i) => i),
    };
    const sliced = sliceByGroups('lstm_0.recurrent', momentum, groups, Uint8Array.of(1, 0));
    expect(sliced.dims).toEqual([1, 4, 1]);
    expect([...sliced.data]).toEqual([3, 7, 11, 15]);
    expect(sliceByGroups('embedding', momentum, groups, Uint8Array.of(1, 0))).toBe(momentum);
    expect(() => sliceByGroups('head.weight', momentum, groups, Uint8Array.of(1, 0))).toThrow(/has dimensions/);
  });
});

function indexOf(layerName: string): number {
  return Number(/^lstm_(\d+)/.exec(layerName)![1]);
}
