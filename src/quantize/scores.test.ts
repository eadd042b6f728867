import { describe, expect, it } from 'vitest';
import { recurrentModel, sumTask } from '../../test/fixtures/finetune/task.ts';
import { numbersOf, randomTensor } from '../../test/support/graphs.ts';
import { taskCases } from '../../test/support/tasks.ts';
import { configOf } from '../../test/support/training.ts';
import type { Settings } from '../base/fields.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { matmul, squeeze, unsqueeze } from '../graph/ops.ts';
import { statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import { meanLoss, perplexity, scoreKinds } from '../tasks/score.ts';
import type { Problem } from '../tasks/task.ts';
import { TARGETS } from '../tasks/task.ts';
import { calibrationRanges, type QuantizedForm, quantizedForms, quantizeModel } from './quantize.ts';
import { refuseWorse, type ScoreChange, scoreChanges } from './scores.ts';

const settings = { seed: 1, threads: 1 };
const [text, classifier, questions] = taskCases;

function scored(problem: Problem, original: Model, quantized: Model): Promise<ScoreChange[]> {
  return scoreChanges(original, quantized, 'valid', { problem, runtime: nodeRuntime, settings });
}

/** Cross entropy of a text in nats, summed, from the logits of a model that runs as it is, states carried by hand. */
async function crossEntropyByHand(model: Model, problem: Problem): Promise<number> {
  const batches = problem.batches('valid', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
  const session = await nodeRuntime.createSession(model, { threads: 1 });
  let [carried, sum]: [Record<string, Tensor>, number] = [{}, 0];
  try {
    for (let i = 0; i < batches.count; i++) {
      const shape = batches.shapeOf(i);
      const feeds = batches.feeds(shape);
      batches.fill(i, feeds);
      for (const { name, type } of model.graph.inputs.filter((v) => v.name !== 'tokens')) {
        const dims = type.shape!.map((d) => (typeof d === 'number' ? d : shape[d]!));
        const data = new Float32Array(dims.reduce((a, b) => a * b));
        carried[name] ??= { elementType: 'float32', dims, data };
      }
      const outputs = await session.run({ tokens: feeds.tokens!, ...carried });
      carried = Object.fromEntries(statesOf(model).map((s) => [s.input, outputs[s.output]!]));
      const [logits, targets] = [numbersOf(outputs.logits!), numbersOf(feeds[TARGETS]!)];
      const words = logits.length / targets.length;
      for (const [row, target] of targets.entries()) {
        const own = logits.slice(row * words, (row + 1) * words);
        sum += Math.log(own.reduce((total, x) => total + Math.exp(x), 0)) - own[target]!;
      }
    }
  } finally {
    await session.release();
  }
  return sum;
}

describe('scores of a quantized model', () => {
  const [small, sizes]: [Settings, Settings] = [{ hidden: [20], embedding: 30 }, { hidden: [16, 16, 16, 16] }];

  it('are those of the file as it runs, with carried states', async () => {
    const { problem, ...task } = text!.make(small).task;
    const model = withoutDropout(task.model());
    const { model: quantized } = quantizeModel(model);
    expect(quantized.graph.nodes.map(({ op }) => op)).toContain('DynamicQuantizeLSTM');
    const [change] = await scored(problem, model, quantized);
    const { items } = problem.batches('valid', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
    const byHand = async (of: Model) => Math.exp((await crossEntropyByHand(of, problem)) / items);
    expect(change!.score.name).toBe('perplexity');
    expect(change!.before).toBeCloseTo(await byHand(model), 4);
    expect(change!.after).toBeCloseTo(await byHand(quantized), 4);
    expect(change!.change).toBeCloseTo(change!.after / change!.before - 1, 10);
    expect(change!.change).not.toBe(0);
  });

  it.each(Object.keys(quantizedForms) as QuantizedForm[])('of every task, as %s', async (to) => {
    const recurrent = recurrentModel({ hidden: 32 });
    const fields = { task: 'arrays', loss: 'cross-entropy', targetArray: 'y', batch: 8, epochs: 1 };
    const arrays = { source: 'made up', arrays: sumTask(20) };
    const tasks = [
      text!.make(small).task,
      classifier!.make({ hidden: [16], embedding: 30 }).task,
      questions!.make(sizes).task,
      loadedArrays(configOf(fields), recurrent, { train: arrays, valid: arrays }),
    ];
    for (const task of tasks) {
      const model = withoutDropout(task.model());
      const data = { runtime: nodeRuntime, windows: task.problem.samples(model) };
      const ranges = to === 'qdq' ? await calibrationRanges(model, data) : undefined;
      const changes = await scored(task.problem, model, quantizeModel(model, { to, ranges }).model);
      expect(changes.map(({ score }) => score)).toEqual(scoreKinds(task.problem.scores));
      const loss = changes.at(-1)!;
      expect(Math.abs(loss.change)).toBeLessThan(0.02);
      expect(loss.after).not.toBe(loss.before);
    }
  });

  it('of a model of one step, over sequences', async () => {
    const [count, steps, hidden] = [6, 5, 24];
    const b = new GraphBuilder('step');
    const weights = [12, hidden].map((inputs, i) => b.parameter(`w${i}`, randomTensor([1, 4 * hidden, inputs], i)));
    const x = unsqueeze(b.input('x', 'float32', ['B', 12]), [0]);
    const states = ['h', 'c'].map((name) => b.input(name, 'float32', [1, 'B', hidden]));
    const [y, h, c] = b.node('LSTM', [x, ...weights, undefined, undefined, ...states], { hidden_size: hidden }, 3);
    b.output(matmul(squeeze(y!, [0, 1]), b.parameter('head', randomTensor([hidden, 12], 4))), 'out');
    b.output(h!, 'h_next');
    b.output(c!, 'c_next');
    const model = modelOf(b.build());
    const fields = { task: 'arrays', loss: 'mse', targetArray: 't', output: 'out', epochs: 1, batch: 3 };
    const state = { h: 'h_next', c: 'c_next' };
    const tensors = { x: randomTensor([count, steps, 12], 5), t: randomTensor([count, steps, 12], 6) };
    const arrays = { source: 'made up', arrays: new Map(Object.entries(tensors)) };
    const { problem } = loadedArrays(configOf({ ...fields, state }), model, { train: arrays, valid: arrays });
    const [change] = await scored(problem, model, quantizeModel(model).model);
    expect(Math.abs(change!.change)).toBeLessThan(0.02);
    expect(change!.change).not.toBe(0);
  });
});

describe('a bound on a score', () => {
  const kind = (score: typeof perplexity) => scoreKinds([score])[0]!;
  const lower = (before: number, after: number): ScoreChange => {
    return { score: kind(perplexity), before, after, change: after / before - 1 };
  };
  const accuracy = { name: 'accuracy', better: 'higher', decimals: 2, isShare: true } as const;
  const points = (before: number, after: number): ScoreChange => {
    return { score: accuracy, before, after, change: after - before };
  };

  it('lets pass what is better, or worse by less', () => {
    for (const change of [lower(100, 100.4), lower(100, 50), points(0.9, 0.896), points(0.9, 1)]) {
      expect(() => refuseWorse(change, 0.005, 'valid')).not.toThrow();
    }
  });

  it('says how much worse a score is, relative to it or in points', () => {
    expect(() => refuseWorse(lower(114.79, 116), 0.005, 'valid')).toThrow(
      'refused: on the validation data perplexity goes from 114.79 to 116.00, which is 1.05 % worse; ' +
        'the bound is 0.5 %; --score-bound permits more',
    );
    expect(() => refuseWorse(points(0.9, 0.894), 0.005, 'test')).toThrow(
      'refused: on the test data accuracy goes from 90.00 % to 89.40 %, which is 0.6 points worse; the bound is 0.5 points',
    );
  });

  it('is not kept by what is no number', () => {
    const change = { score: kind(meanLoss), before: 1, after: Number.NaN, change: Number.NaN };
    expect(() => refuseWorse(change, 0.5, 'valid')).toThrow('goes from 1.0000 to NaN');
  });
});
