import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wrongGradients } from '../../test/support/gradientCheck.ts';
import { numbersOf, randomTensor, runGraph } from '../../test/support/graphs.ts';
import { zeroSlices } from '../../test/support/models.ts';
import { windowProblem } from '../../test/support/windows.ts';
import { UsageError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { sizeOf } from '../graph/dims.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { groupSizes } from '../groups/measure.ts';
import { traceGroups } from '../groups/trace.ts';
import { costsOf } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import type { Initializer } from '../nn/layers.ts';
import { readModel } from '../onnx/read.ts';
import { writeModel } from '../onnx/write.ts';
import { bindDims } from '../passes/bindDims.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { maskDropout } from '../passes/maskDropout.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { shrink, shrinkZeros } from '../slim/shrink.ts';
import { languageModelProblem } from '../tasks/language-model/problem.ts';
import { scoresOf } from '../tasks/score.ts';
import { trainingGraph } from '../train/compile.ts';
import { createScorer } from '../train/scorer.ts';
import { assertEqual } from '../verify/verify.ts';
import { LOGITS, TOKENS } from './languageModel.ts';
import { type RhnLanguageModelOptions, rhnLanguageModel } from './rhnLanguageModel.ts';

const sizes = { vocabulary: 7, width: 4, depth: 3 };
const keep = { words: 0.75, input: 0.5, state: 0.8, output: 0.6 };

const trace = (model: Model) => traceGroups(model.graph, { states: statesOf(model) });
const dims = (model: Model) => Object.fromEntries([...model.graph.initializers].map(([name, t]) => [name, t.dims]));
const shape = { batch: 2, time: 3 };
const planOf = (model: Model) =>
  trainingGraph(model, windowProblem([], shape), new Set(model.graph.initializers.keys()), shape);
const ops = (model: Model) => model.graph.nodes.map((n) => n.op);

/** Values that nobody looks at: all tensors share one memory. */
function blank(longest: number): Initializer {
  const zeros = new Float32Array(longest);
  return (shape) => ({ elementType: 'float32', dims: shape, data: zeros.subarray(0, sizeOf(shape)) });
}

function tokensOf(time: number, batch: number, vocabulary: number): Tensor {
  const random = randomStream(5);
  const data = Int32Array.from({ length: time * batch }, () => Math.floor(random() * vocabulary));
  return { elementType: 'int32', dims: [time, batch], data };
}

describe('rhnLanguageModel', () => {
  it('has its parameters under their names, the embedding once', () => {
    const layers = Object.fromEntries(
      [0, 1, 2].flatMap((l) => [
        [`rhn.recurrent_${l}`, [8, 4]],
        [`rhn.bias_${l}`, [8]],
      ]),
    );
    const expected = { embedding: [7, 4], 'rhn.weight': [8, 4], ...layers, 'head.bias': [7] };
    expect(dims(rhnLanguageModel(sizes))).toEqual(expected);
    expect(dims(rhnLanguageModel({ ...sizes, tied: false }))).toEqual({ ...expected, 'head.weight': [4, 7] });
  });

  it('starts uniform in ±initScale, but for the biases of the gates', () => {
    const { initializers } = rhnLanguageModel({ ...sizes, initScale: 0.3, transformBias: -4 }).graph;
    for (const [name, { data }] of initializers) {
      const values = [...(data as Float32Array)];
      const [free, gates] = name.includes('bias_') ? [values.slice(0, 4), values.slice(4)] : [values, []];
      expect(Math.max(...free.map(Math.abs)), name).toBeLessThanOrEqual(0.3);
      expect(Math.max(...free.map(Math.abs)), name).toBeGreaterThan(0.05);
      expect(gates.every((v) => v === -4)).toBe(true);
    }
  });

  it('has no trace of dropout that keeps all, and none is left when it is taken out', async () => {
    const plain = rhnLanguageModel(sizes);
    expect(rhnLanguageModel({ ...sizes, keep: { words: 1, input: 1, state: 1, output: 1 } })).toEqual(plain);
    const stripped = withoutDropout(rhnLanguageModel({ ...sizes, keep }));
    expect(ops(stripped).sort()).toEqual(ops(plain).sort());
    await assertEqual(nodeRuntime, plain, stripped);
    expect(withoutDropout(plain)).toBe(plain);
  });

  it('computes the same in one window as in two with the state carried', async () => {
    const { graph } = rhnLanguageModel({ ...sizes, initScale: 0.7 });
    const tokens = tokensOf(4, 2, 7);
    const part = (from: number): Tensor => ({
      ...tokens,
      dims: [2, 2],
      data: (tokens.data as Int32Array).slice(from, from + 4),
    });
    const start = randomTensor([2, 4]);
    const whole = await runGraph(graph, { 'rhn.s': start, [TOKENS]: tokens });
    const first = await runGraph(graph, { 'rhn.s': start, [TOKENS]: part(0) });
    const second = await runGraph(graph, { 'rhn.s': first['rhn.s_next']!, [TOKENS]: part(4) });
    const expected = numbersOf(whole[LOGITS]!);
    [...numbersOf(first[LOGITS]!), ...numbersOf(second[LOGITS]!)].forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 5);
    });
  });

  it('needs a micro-layer', () => {
    expect(() => rhnLanguageModel({ ...sizes, depth: 0 })).toThrow(UsageError);
  });
});

describe('a Recurrent Highway Network of the paper, 10 deep over 10 000 words', () => {
  it.each([
    [830, 23_482_400],
    [726, 18_880_192],
    [517, 11_070_698],
    [403, 7_621_058],
    [328, 5_663_408],
  ])('%i wide has %i parameters, and a group of all weights of each unit', (width, parameters) => {
    const model = rhnLanguageModel({ vocabulary: 10_000, width, depth: 10, init: blank(10_000 * width) });
    const square = width * width;
    expect(costsOf(model)).toEqual({ parameters, multiplyAdds: 2 * square + 10 * 2 * square + 10_000 * width });
    const groups = trace(model);
    expect(groups.layers).toMatchObject([{ name: 'rhn', operator: 'Scan', blocked: undefined }]);
    expect(groups.layers[0]!.components).toEqual(Int32Array.from({ length: width }, (_, k) => k));
    expect(groups.count).toBe(width);
    expect(new Set(groupSizes(groups, model.graph))).toEqual(new Set([width === 830 ? 46_520 : 10_000 + 44 * width]));
  });
});

describe('the units of a Recurrent Highway Network', () => {
  it('are one space: embedding, state and all micro-layers, with dropout as without', () => {
    const model = rhnLanguageModel({ ...sizes, keep });
    const groups = trace(model);
    const once = [0, 1, 2, 3];
    const axes = Object.fromEntries(groups.axes.map((a) => [`${a.tensor} ${a.axis}`, [a.role, ...a.components]]));
    const layer = (l: number) => ({
      [`rhn.recurrent_${l} 0`]: ['produces', ...once, ...once],
      [`rhn.recurrent_${l} 1`]: ['reads', ...once],
      [`rhn.bias_${l} 0`]: ['bias', ...once, ...once],
    });
    expect(axes).toEqual({
      'rhn.s 1': ['produces', ...once],
      'embedding 1': ['reads', ...once],
      'rhn.weight 0': ['produces', ...once, ...once],
      'rhn.weight 1': ['reads', ...once],
      ...layer(0),
      ...layer(1),
      ...layer(2),
    });
    const { trace: _, ...found } = trace(withoutDropout(model));
    expect(groups).toMatchObject(found);
  });

  it('leave the embedding alone when the output has a matrix of its own', () => {
    const model = rhnLanguageModel({ ...sizes, tied: false });
    expect(new Set(groupSizes(trace(model), model.graph))).toEqual(new Set([2 * 4 + 3 * 4 * 4 + 7]));
  });

  it('leave without loss together, and the model in training shrinks as the one in use does', async () => {
    const options = fc.record({
      vocabulary: fc.integer({ min: 2, max: 6 }),
      width: fc.integer({ min: 1, max: 5 }),
      depth: fc.integer({ min: 1, max: 4 }),
      tied: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1000 }),
    });
    await fc.assert(
      fc.asyncProperty(options, fc.integer({ min: 1, max: 1000 }), async (o, choice) => {
        const whole = { ...o, initScale: 0.7 };
        const groups = trace(rhnLanguageModel(whole));
        const random = randomStream(choice);
        const gone = new Set(Array.from(groups.layers[0]!.components).filter((k) => k > 0 && random() < 0.5));
        const sparse = (m: RhnLanguageModelOptions) => {
          const model = rhnLanguageModel(m);
          return { ...model, graph: zeroSlices(model.graph, groups, gone, ['reads', 'produces']) };
        };
        const model = sparse(whole);
        const slim = shrinkZeros(model);
        const width = o.width - gone.size;
        expect(slim.layers).toEqual([{ name: 'rhn', before: o.width, after: width }]);
        const small = rhnLanguageModel({ ...whole, width });
        expect(dims(slim.model)).toEqual(
          o.tied
            ? dims(small)
            : { ...dims(small), embedding: [o.vocabulary, o.width], 'rhn.weight': [2 * width, o.width] },
        );
        await assertEqual(nodeRuntime, model, readModel(writeModel(slim.model)), { removal: slim, seed: choice });

        const training = shrink(sparse({ ...whole, keep }), groups, (k) => gone.has(k));
        expect(dims(training)).toEqual(dims(slim.model));
        await assertEqual(nodeRuntime, slim.model, withoutDropout(training), { seed: choice });
        const { masks } = planOf(training);
        expect(masks.map((m) => m.dims)).toEqual([
          [o.vocabulary, 2],
          [2, o.tied ? width : o.width],
          [width, 2],
          [2, width],
        ]);
      }),
      { numRuns: 20 },
    );
  });

  it('are shown with what they cost', () => {
    const model = rhnLanguageModel(sizes);
    const summary = describeModel({ ...model, graph: zeroSlices(model.graph, trace(model), new Set([2]), ['reads']) });
    expect(summary).toMatchObject({
      problem: undefined,
      layers: [{ name: 'rhn', operator: 'Scan', units: 4, removable: 1, fixed: 0, groupSize: 7 + 4 * 4 * 4 }],
      embeddings: [{ name: 'embedding', rows: 7, columns: 4 }],
      parameters: 7 * 4 + 7 + 4 * 32 + 3 * 8,
      multiplyAdds: 4 * 32 + 7 * 4,
    });
  });
});

describe('training a Recurrent Highway Network', () => {
  const batch = 2;
  const time = 3;

  it('feeds four masks, one for all steps of a window, and the words that the first one asks for', () => {
    const model = rhnLanguageModel({ ...sizes, keep });
    const plan = planOf(model);
    expect(plan.masks.map((m) => m.dims)).toEqual([
      [7, 2],
      [2, 4],
      [4, 2],
      [2, 4],
    ]);
    plan.masks.forEach((m, i) => {
      expect(m.keep).toBeCloseTo(Object.values(keep)[i]!, 6);
    });
    const inputs = (k: Partial<typeof keep>) =>
      planOf(rhnLanguageModel({ ...sizes, keep: k })).graph.inputs.map((v) => v.name);
    expect(inputs(keep)).toContain(TOKENS);
    expect(inputs({ ...keep, words: 1 })).not.toContain(TOKENS);
    // The masks are fed as they are: nobody makes ones to multiply them with.
    expect(plan.graph.nodes.map((n) => n.op)).not.toContain('Expand');
  });

  it('is scored without dropout, whatever the window', async () => {
    const options = { ...sizes, initScale: 0.7 };
    const ids = tokensOf(40, 1, 7).data as Int32Array;
    const scores: number[] = [];
    for (const [o, steps] of [
      [options, 12],
      [{ ...options, keep }, 12],
      [{ ...options, keep }, 5],
    ] as const) {
      const corpus = { name: '', source: '', vocabulary: { words: [], ids: new Map() }, sha256: '' };
      const text = { ...corpus, train: ids, valid: ids, test: ids };
      const problem = languageModelProblem({ task: { kind: 'language-model', steps }, batch: 2 }, text);
      const scorer = createScorer(rhnLanguageModel(o), { problem, runtime: nodeRuntime, threads: 1, seed: 1 });
      scores.push(scoresOf(problem.scores, await scorer.score('valid')).perplexity!);
      await scorer.release();
    }
    expect(scores[0]).toBeGreaterThan(1);
    for (const score of scores) expect(score).toBeCloseTo(scores[0]!, 4);
  });

  it.each([
    ['with dropout', { keep }],
    ['without', {}],
    ['with a matrix for the output', { keep, tied: false }],
  ])('has the gradients of finite differences, %s', async (_, options) => {
    const model = rhnLanguageModel({ ...sizes, initScale: 0.8, ...options });
    const bound = bindDims(model.graph, { batch, time });
    const { graph: masked, masks } = maskDropout(bound);
    const { graph, parameters } = parametersAsInputs(masked);
    const feeds: Record<string, Tensor> = { [TOKENS]: tokensOf(time, batch, 7), 'rhn.s': randomTensor([batch, 4], 2) };
    for (const { name } of parameters) feeds[name] = model.graph.initializers.get(name)!;
    masks.forEach((m, i) => {
      feeds[m.input] = { ...randomTensor(m.dims, i), data: maskOf(sizeOf(m.dims), m.keep, i + 1) };
    });
    const wrt = [...parameters.map((p) => p.name), 'rhn.s'];
    expect(await wrongGradients(graph, feeds, { wrt })).toEqual([]);
    expect(await wrongGradients(graph, feeds, { wrt, rewrite: hoistLoops })).toEqual([]);
  });
});

function maskOf(size: number, keepRate: number, seed: number): Float32Array {
  const random = randomStream(seed);
  return Float32Array.from({ length: size }, () => (random() < keepRate ? 1 / keepRate : 0));
}
