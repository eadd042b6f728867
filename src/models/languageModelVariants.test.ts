import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbersOf, runGraph } from '../../test/support/graphs.ts';
import { fedGraph, wrongLossGradients } from '../../test/support/lossCheck.ts';
import { zeroSlices } from '../../test/support/models.ts';
import { windowProblem } from '../../test/support/windows.ts';
import { randomStream } from '../base/random.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { groupSizes, liveComponents, weightsOf } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import { traceModel } from '../groups/traceModel.ts';
import { cellNames } from '../nn/layers.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { shrink, shrinkModel } from '../slim/shrink.ts';
import { LOSS } from '../tasks/task.ts';
import { assertEqual } from '../verify/verify.ts';
import { type LanguageModelOptions, LOGITS, languageModel, TOKENS } from './languageModel.ts';

/*
 * What later models added to the stacked language model: one matrix for words in and out, and dropout whose masks serve
 * a whole window.
 */

const sizes = { vocabulary: 6, embedding: 3, hidden: [2, 4] } as const;
const shape = { batch: 2, time: 3 };
const words = (seed: number) => {
  const random = randomStream(seed);
  return Array.from({ length: shape.batch * shape.time }, () => Math.floor(random() * sizes.vocabulary));
};
const problem = windowProblem([{ tokens: words(1), targets: words(2) }], shape);

const variants: readonly (readonly [title: string, options: Partial<LanguageModelOptions>])[] = [
  ['variational dropout', { variational: true, keep: 0.6 }],
  ['dropped words', { keepWords: 0.6 }],
  ['weight drop', { keepRecurrent: 0.6 }],
  ['a tied embedding with a projection', { tied: true }],
  ['a tied embedding of the last size', { tied: true, hidden: [2, 3] }],
  ['all of them', { tied: true, variational: true, keep: 0.6, keepWords: 0.7, keepRecurrent: 0.8 }],
];
const all = variants.flatMap(([title, options]) => cellNames.map((cell) => ({ title, cell, options })));

it('starts the biases of forget gates where it is told', () => {
  const biases = (options: Partial<LanguageModelOptions>) => {
    const { graph } = languageModel({ ...sizes, ...options });
    return numbersOf(graph.initializers.get('lstm_0.bias')!);
  };
  const width = sizes.hidden[0]!;
  expect(biases({})).toEqual(Array(4 * width).fill(0));
  // ONNX's order: input, output, forget, cell.
  expect(biases({ forgetBias: 1 })).toEqual([0, 0, 1, 0].flatMap((bias) => Array<number>(width).fill(bias)));
});

describe.each(all)('a language model of $cell layers with $title', ({ cell, options }) => {
  const model = languageModel({ ...sizes, ...options, cell, initScale: 0.7 });

  it('has the gradients of finite differences', async () => {
    expect(await wrongLossGradients(model, problem)).toEqual([]);
  });

  it('has the same units with dropout as without, with all of their weights', () => {
    const { hidden, tied, embedding } = { tied: false, ...sizes, ...options };
    const trace = (of: Model, embeddings = false) => {
      const { layers, count, axes } = traceGroups(of.graph, { states: statesOf(of), embeddings });
      return { layers, count, axes };
    };
    const groups = trace(model);
    expect(trace(withoutDropout(model))).toEqual(groups);
    expect(trace(withoutDropout(model), true)).toEqual(trace(model, true));
    expect(groups.layers.map((l) => [l.name, l.components.length, l.blocked])).toEqual([
      [`${cell}_0`, hidden[0], undefined],
      [`${cell}_1`, hidden[1], undefined],
    ]);
    const gates = { lstm: 4, gru: 3, rnn: 1 }[cell];
    const [below, above] = hidden as readonly [number, number];
    // What reads the upper units: the head, the projection, or a column of the embedding, which is read below as well.
    const isShared = tied && embedding === above;
    const readers = isShared ? sizes.vocabulary + gates * below : tied ? embedding : sizes.vocabulary;
    const found = [...groupSizes(traceGroups(model.graph, { states: statesOf(model) }), model.graph)];
    expect(new Set(found.slice(0, below))).toEqual(new Set([gates * (embedding + 2 * below + above)]));
    expect(new Set(found.slice(below))).toEqual(new Set([gates * (below + 2 * above) + readers]));
  });
});

describe('the masks of a window', () => {
  const masksOf = (options: Partial<LanguageModelOptions>) =>
    fedGraph(languageModel({ ...sizes, ...options }), problem).plan.masks.map((m) => [
      m.dims,
      Number(m.keep.toFixed(6)),
    ]);

  it('are one for each step without variational dropout, and one for all with it', () => {
    expect(masksOf({ keep: 0.75 })).toEqual([3, 2, 4].map((size) => [[3, 2, size], 0.75]));
    expect(masksOf({ keep: 0.75, variational: true })).toEqual([3, 2, 4].map((size) => [[2, size], 0.75]));
  });

  it('are one for a word wherever it stands, and one for the recurrent weights of each layer', () => {
    expect(masksOf({ keepWords: 0.75 })).toEqual([[[6, 2], 0.75]]);
    expect(masksOf({ keepRecurrent: 0.5 })).toEqual([
      [[1, 8, 2], 0.5],
      [[1, 16, 4], 0.5],
    ]);
    expect(masksOf({ keepRecurrent: 0.5, cell: 'gru' })[1]).toEqual([[1, 12, 4], 0.5]);
    expect(masksOf({ keep: 1, keepWords: 1, keepRecurrent: 1, variational: true })).toEqual([]);
  });

  it.each<Partial<LanguageModelOptions>>([
    { keep: 0.5, variational: true },
    { keepWords: 0.5 },
    { keepRecurrent: 0.5 },
  ])('multiply what they are for, %o', async (options) => {
    // The same model without dropout, its weights multiplied by hand where the mask is of weights.
    const init = { ...sizes, initScale: 0.8, seed: 3 };
    const { plan, feeds } = fedGraph(languageModel({ ...init, ...options }), problem);
    const lossOf = async (masks: readonly Tensor[]) => {
      const fed = Object.fromEntries(plan.masks.map((m, i) => [m.input, masks[i]!]));
      return numbersOf((await runGraph(plan.graph, { ...feeds, ...fed }))[LOSS]!)[0]!;
    };
    const filled = (value: number) =>
      plan.masks.map(({ dims }): Tensor => {
        const data = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value);
        return { elementType: 'float32', dims, data };
      });
    const plain = fedGraph(languageModel(init), problem);
    const [expected] = numbersOf((await runGraph(plain.plan.graph, plain.feeds))[LOSS]!);
    expect(await lossOf(filled(1))).toBeCloseTo(expected!, 4);
    const halved = await lossOf(filled(0.5));
    expect(Math.abs(halved - expected!)).toBeGreaterThan(1e-4);
    // One entry alone changes the loss, so it is read: that of a word that the window has.
    const one = filled(1);
    (one[0]!.data as Float32Array)[plan.masks[0]!.dims.length === 2 && options.keepWords ? 2 * words(1)[0]! : 0] = 0;
    expect(Math.abs((await lossOf(one)) - expected!)).toBeGreaterThan(1e-6);
  });
});

describe('a tied embedding', () => {
  const dims = (options: Partial<LanguageModelOptions>) =>
    Object.fromEntries(
      [...languageModel({ ...sizes, ...options }).graph.initializers].map(([name, t]) => [name, t.dims]),
    );

  it('is the matrix of the output, behind a projection where the sizes differ', () => {
    const { 'head.weight': head, ...others } = dims({});
    expect(head).toEqual([4, 6]);
    expect(dims({ tied: true })).toEqual({ ...others, 'projection.weight': [4, 3] });
    expect(dims({ tied: true, hidden: [2, 3] })).not.toHaveProperty('projection.weight');
  });

  it('gives the logits h P Eᵀ + b', async () => {
    const model = languageModel({ ...sizes, tied: true, initScale: 0.8 });
    const projected = languageModel({ ...sizes, initScale: 0.8 });
    const at = (name: string) => model.graph.initializers.get(name)!;
    const [E, P] = [numbersOf(at('embedding')), numbersOf(at('projection.weight'))];
    const product = Array.from({ length: 4 * 6 }, (_, i) => {
      const [k, v] = [Math.floor(i / 6), i % 6];
      return [0, 1, 2].reduce((sum, j) => sum + P[k * 3 + j]! * E[v * 3 + j]!, 0);
    });
    const head: Tensor = { elementType: 'float32', dims: [4, 6], data: Float32Array.from(product) };
    const initializers = new Map(
      [...projected.graph.initializers.keys()].map((n) => [n, n === 'head.weight' ? head : at(n)]),
    );
    const tokens: Tensor = { elementType: 'int32', dims: [3, 2], data: Int32Array.from(words(1)) };
    const states = Object.fromEntries(
      statesOf(model).map(({ input }, i): [string, Tensor] => {
        const size = sizes.hidden[Math.floor(i / 2)]!;
        return [input, { elementType: 'float32', dims: [1, 2, size], data: new Float32Array(2 * size) }];
      }),
    );
    const [got, expected] = [
      await runGraph(model.graph, { ...states, [TOKENS]: tokens }),
      await runGraph({ ...projected.graph, initializers }, { ...states, [TOKENS]: tokens }),
    ];
    numbersOf(got[LOGITS]!).forEach((v, i) => {
      expect(v).toBeCloseTo(numbersOf(expected[LOGITS]!)[i]!, 5);
    });
  });
});

describe('units and columns of the embedding', () => {
  it('leave without loss, and the model in training shrinks as the one in use does', async () => {
    const size = fc.integer({ min: 1, max: 4 });
    const kept = fc.constantFrom(1, 0.5);
    const options = fc.record({
      cell: fc.constantFrom(...cellNames),
      vocabulary: fc.integer({ min: 2, max: 6 }),
      embedding: size,
      hidden: fc.array(size, { minLength: 1, maxLength: 2 }),
      tied: fc.boolean(),
      variational: fc.boolean(),
      keep: kept,
      keepWords: kept,
      keepRecurrent: kept,
      seed: fc.integer({ min: 1, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(options, fc.boolean(), fc.integer({ min: 1, max: 1000 }), async (o, embeddings, choice) => {
        const whole = languageModel({ ...o, initScale: 0.7 });
        const { prepared, groups } = traceModel(whole, { embeddings });
        expect(groups.layers.some((l) => l.operator === 'Gather')).toBe(embeddings);
        const random = randomStream(choice);
        const gone = new Set(
          groups.layers.flatMap((l) => [...l.components].filter((k, i) => i > 0 && k >= 0 && random() < 0.5)),
        );
        const sparse = { ...prepared, graph: zeroSlices(prepared.graph, groups, gone, ['reads']) };
        const used = withoutDropout(sparse);
        const live = liveComponents(groups, weightsOf(sparse.graph));
        for (const k of gone) expect(live[k]).toBe(0);
        // A layer of one unit is fixed where a mask meets it, so the two traces may number units differently.
        const traced = traceModel(used, { embeddings });
        const own = liveComponents(traced.groups, weightsOf(used.graph));
        const slim = shrinkModel(used, traced, (k) => own[k] === 0);
        const small = readModel(writeModel(slim.model));
        await assertEqual(nodeRuntime, used, small, { removal: slim, seed: choice, batches: 2 });

        const training = shrink(sparse, groups, (k) => live[k] === 0);
        await assertEqual(nodeRuntime, small, withoutDropout(training), { seed: choice, batches: 2 });
        const left = groups.layers.map((l) => [...l.components].filter((k) => k < 0 || live[k] === 1).length);
        const { initializers } = training.graph;
        o.hidden.forEach((_, i) => {
          expect(initializers.get(`${o.cell}_${i}.recurrent`)!.dims[2]).toBe(left[i]);
        });
      }),
      { numRuns: 40 },
    );
  });
});
