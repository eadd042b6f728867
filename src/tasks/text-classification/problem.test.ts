import { beforeAll, describe, expect, it } from 'vitest';
import { numbersOf, runGraph } from '../../../test/support/graphs.ts';
import { differentiate } from '../../autodiff/differentiate.ts';
import { WordTable } from '../../data/wordTable.ts';
import { modelOf } from '../../graph/model.ts';
import type { Graph, Model, Tensor } from '../../graph/types.ts';
import { LOGITS } from '../../models/languageModel.ts';
import { detachLookups } from '../../passes/detachLookups.ts';
import { fuseLinear } from '../../passes/fuseLinear.ts';
import { hoistLoops } from '../../passes/hoistLoops.ts';
import { maskDropout } from '../../passes/maskDropout.ts';
import { parametersAsInputs } from '../../passes/parametersAsInputs.ts';
import { withoutDropout } from '../../passes/withoutDropout.ts';
import { nodeRuntime } from '../../runtime/node.ts';
import { lookUpRows, wholeTable } from '../../train/lookupTable.ts';
import { scoresOf } from '../score.ts';
import { type Batches, LOSS, type Problem, TARGETS } from '../task.ts';
import { fillFeeds, inputFeeds } from './batches.ts';
import { collectTexts } from './collectTexts.ts';
import { defaults, type TextConfig } from './definition.ts';
import { freshModel } from './loadedTexts.ts';
import { balancedWeights, CONFUSION, CORRECT, COUNTS } from './lossGraph.ts';
import { textProblem } from './problem.ts';
import { makeTextData, type TextData } from './textData.ts';

/** Texts of one word of their class among others; class c is three times as frequent as a and b. */
function* lines() {
  const [fill, own] = [['the', 'film', 'was', 'so'], { a: 'bad', b: 'good', c: 'odd' }];
  for (let i = 0; i < 60; i++) {
    const label = (['a', 'b', 'c', 'c', 'c'] as const)[i % 5]!;
    const words = Array.from({ length: 2 + (i % 7) }, (_, t) => fill[(i * 5 + t * 3) % 4]!);
    words[i % words.length] = own[label];
    yield { label, text: `${words.join(' ')} ${fill[i % 3]}`, place: `line ${i}` };
  }
}

const config: TextConfig = {
  task: { ...defaults, minCount: 1, classWeights: 'balanced' },
  model: { ...defaults, cell: 'gru', pool: 'max', hidden: [6], embedding: 5, initScale: 0.5, keep: 0.9 },
  batch: 8,
  seed: 1,
};
const order = { epoch: 0, seed: 1, rank: 0, ranks: 1 };

let data: TextData;
let problem: Problem;
let model: Model;
beforeAll(async () => {
  const table = new WordTable();
  data = makeTextData(
    'test',
    { train: await collectTexts(lines(), table, { ...config.task, seed: 1 }) },
    table,
    config.task,
  );
  problem = textProblem(data, config);
  model = freshModel(config, data);
});

/** Results of a loss graph over all batches, with the loss of all texts in place of the batches' means. */
async function sumsOf(graphOf: (batch: number) => Graph, batches: Batches) {
  const totals: Record<string, number[]> = {};
  let count = 0;
  for (let i = 0; i < batches.count; i++) {
    const feeds = batches.feeds(batches.shapeOf(i));
    const counted = batches.fill(i, feeds);
    const results = await runGraph(graphOf(i), feeds);
    for (const [name, { data: values }] of Object.entries(results)) {
      const own = Array.from(values as Float32Array, (v) => (name === LOSS ? v * counted : v));
      totals[name] = totals[name]?.map((v, k) => v + own[k]!) ?? own;
    }
    count += counted;
  }
  return { count, totals };
}

describe('the problem of classifying texts', () => {
  it('has a loss graph whose sums are those of a plain computation, with sizes and without', async () => {
    const used = withoutDropout(model);
    const batches = problem.batches('train', order);
    const weights = balancedWeights(data.sets.train.classes, 3);
    let loss = 0;
    const confusion = [0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (const [i, text] of data.sets.train.texts.entries()) {
      const feeds = inputFeeds(text.length, 1);
      fillFeeds([text], feeds);
      const logits = numbersOf((await runGraph(used.graph, feeds))[LOGITS]!);
      const own = data.sets.train.classes[i]!;
      loss += weights[own]! * (Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0)) - logits[own]!);
      confusion[own * 3 + logits.indexOf(Math.max(...logits))]!++;
    }
    const anyShape = problem.lossGraph(used).graph;
    for (const graphOf of [() => anyShape, (i: number) => problem.lossGraph(used, batches.shapeOf(i)).graph]) {
      const sums = await sumsOf(graphOf, batches);
      expect(sums.count).toBe(data.sets.train.texts.length);
      expect(sums.totals[LOSS]![0]).toBeCloseTo(loss, 3);
      expect(sums.totals[CONFUSION]).toEqual(confusion);
      expect(sums.totals[CORRECT]![0]).toBe(confusion[0]! + confusion[4]! + confusion[8]!);
      expect(problem.details!(sums).confusion).toEqual({
        classes: ['a', 'b', 'c'],
        counts: [confusion.slice(0, 3), confusion.slice(3, 6), confusion.slice(6)],
      });
    }
  });

  it('weighs classes so that each counts as much in all, and a text 1 on average', () => {
    const { classes } = data.sets.train;
    const weights = balancedWeights(classes, 3);
    const shares = [0, 1, 2].map((k) => classes.filter((own) => own === k).length * weights[k]!);
    expect(shares).toEqual(shares.map(() => expect.closeTo(classes.length / 3, 8)));
    expect(balancedWeights(Int32Array.of(0, 0), 2)).toEqual([0.5, 0]);
  });

  it('can be learned: its graph has the gradients of all weights, and following them classifies held-out texts', async () => {
    const trained = await descend(model, problem, { epochs: 12, rate: 0.5 });
    const scores = problem.lossGraph(withoutDropout(trained)).graph;
    const sums = await sumsOf(() => scores, problem.batches('valid', order));
    expect(sums.count).toBe(6);
    expect(scoresOf(problem.scores, sums)).toMatchObject({ accuracy: 1, 'macro-F1': 1 });
    expect(sums.totals[LOSS]![0]! / sums.count).toBeLessThan(0.3);
  });

  it('compares models on texts that it has, without targets', async () => {
    const samples = problem.samples(model);
    expect(samples.map((feeds) => Object.keys(feeds))).toEqual([['tokens', 'lengths']]);
    await expect(runGraph(withoutDropout(model).graph, samples[0]!)).resolves.toHaveProperty(LOGITS);
  });

  it('has the splits that the data have, identified by their digest', () => {
    expect(problem.splits).toEqual(['train', 'valid']);
    expect(problem.digest).toBe(data.sha256);
    expect(problem.batches('test', order).count).toBe(0);
  });
});

/** Plain gradient descent without dropout, through the passes that make a training step. */
async function descend(
  start: Model,
  { lossGraph, batches }: Problem,
  o: { epochs: number; rate: number },
): Promise<Model> {
  const weights = new Map(
    [...start.graph.initializers].map(([name, t]) => [name, { ...t, data: t.data.slice() as Float32Array }]),
  );
  const compiled = new Map<string, Awaited<ReturnType<typeof compile>>>();
  for (let epoch = 0; epoch < o.epochs; epoch++) {
    const own = batches('train', { ...order, epoch });
    for (let i = 0; i < own.count; i++) {
      const shape = own.shapeOf(i);
      const key = JSON.stringify(shape);
      const step = compiled.get(key) ?? (await compile(lossGraph(start, shape).graph));
      compiled.set(key, step);
      const feeds = own.feeds(shape);
      expect(own.fill(i, feeds)).toBeGreaterThan(0);
      await step(feeds, weights, o.rate);
    }
  }
  return { ...start, graph: { ...start.graph, initializers: new Map(weights) } };
}

type Weights = ReadonlyMap<string, Tensor & { readonly data: Float32Array }>;

async function compile(graph: Graph) {
  const detached = detachLookups(graph);
  const { graph: masked, masks } = maskDropout(detached.graph);
  const { graph: fed, parameters } = parametersAsInputs(fuseLinear(masked));
  const wrt = [...parameters.map((p) => p.name), ...detached.lookups.map((l) => l.values)];
  const { graph: whole, gradients } = differentiate(fed, LOSS, wrt);
  const session = await nodeRuntime.createSession(modelOf(hoistLoops(whole)), { threads: 1 });
  return async (batch: Readonly<Record<string, Tensor>>, weights: Weights, rate: number) => {
    const feeds: Record<string, Tensor> = {
      lengths: batch.lengths!,
      [TARGETS]: batch[TARGETS]!,
      [COUNTS]: batch[COUNTS]!,
    };
    for (const { name, dims } of parameters) feeds[name] = { ...weights.get(name)!, dims };
    for (const { input, dims } of masks) {
      feeds[input] = { elementType: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1) };
    }
    const words = batch.tokens!.data as Int32Array;
    for (const { table, values } of detached.lookups) {
      const { data: rows, dims } = weights.get(table)!;
      const looked = new Float32Array(words.length * dims[1]!);
      lookUpRows(rows, dims[1]!, words, looked);
      feeds[values] = { elementType: 'float32', dims: [...batch.tokens!.dims, dims[1]!], data: looked };
    }
    const results = await session.run(feeds);
    for (const { name } of parameters) {
      const gradient = results[gradients.get(name)!]!.data as Float32Array;
      weights.get(name)!.data.forEach((_, i, all) => {
        all[i]! -= rate * gradient[i]!;
      });
    }
    for (const { table, values } of detached.lookups) {
      const gradient = results[gradients.get(values)!]!.data as Float32Array;
      const rows = weights.get(table)!;
      wholeTable(rows.data, rows.data, rows.dims[1]!).add(
        words,
        gradient.map((g) => -rate * g),
      );
    }
  };
}
