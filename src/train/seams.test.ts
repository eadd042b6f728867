import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { memoryStore, timeless, timelessCheckpoint, weightsOf } from '../../test/support/training.ts';
import { sectionReader } from '../base/fields.ts';
import { randomStream, uniform } from '../base/random.ts';
import { resolveConfig } from '../config/resolve.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { add, cast, greater, matmul, mul, reduceMean, reduceSum, relu, reshape, sub } from '../graph/ops.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { MethodContext } from '../methods/kind.ts';
import type { Matrix, SparsityMethod } from '../methods/method.ts';
import type { Optimizer, OptimizerState } from '../optimizers/optimizer.ts';
import { bindDims } from '../passes/bindDims.ts';
import { fileStore } from '../runs/checkpoint.ts';
import { nodeRuntime } from '../runtime/node.ts';
import { LOSS, type Problem, TARGETS, type Task } from '../tasks/task.ts';
import { InterruptedError } from './errors.ts';
import type { TrainOptions } from './options.ts';
import { train } from './trainer.ts';

/*
 * A task, a sparsity method and an optimizer that are known to nobody but this file train all the same: what the trainer
 * takes of them is all that there is.
 */

/** Points x [B, 4] on either side of a sphere: 1 outside, −1 inside. */
const fields = { points: z.int().positive().describe('how many points'), units: z.int().positive().describe('units') };
const read = sectionReader({ points: fields.points });

function network(units: number, seed: number): Model {
  const random = randomStream(seed);
  const b = new GraphBuilder('network');
  const weight = (name: string, dims: readonly [number, number]) =>
    b.parameter(name, { elementType: 'float32', dims, data: uniform(dims[0] * dims[1], 0.8, random) });
  const x = b.input('x', 'float32', ['batch', 4]);
  const hidden = relu(add(matmul(x, weight('first', [4, units])), weight('bias', [1, units])));
  b.output(matmul(hidden, weight('second', [units, 1])), 'y');
  return modelOf(b.build());
}

function sphere(points: number, batch: number): Problem {
  const random = randomStream(9);
  const x = uniform(4 * points, 1, random);
  const y = Float32Array.from({ length: points }, (_, n) =>
    Math.hypot(...x.subarray(4 * n, 4 * n + 4)) > 1.1 ? 1 : -1,
  );
  const tensor = (dims: number[]): Tensor => ({
    elementType: 'float32',
    dims,
    data: new Float32Array(dims.reduce((a, b) => a * b)),
  });
  return {
    items: 'points',
    scores: [
      { name: 'hits', better: 'higher', decimals: 3, of: ({ totals, count }) => totals.right![0]! / count },
      { name: 'error', better: 'lower', decimals: 3, of: ({ totals, count }) => totals.loss![0]! / count },
    ],
    splits: ['train', 'valid'],
    digest: `sphere of ${points}`,
    carriesState: false,
    scoresAnyShape: true,
    hopeless: 1e6,
    lossGraph({ graph }, shape) {
      const b = GraphBuilder.from(shape ? bindDims(graph, shape) : graph, { keepOutputs: false });
      const score = reshape(b.value('y'), [-1]);
      const target = b.input(TARGETS, 'float32', [shape?.batch ?? 'batch']);
      const gap = sub(score, target);
      b.output(reduceMean(mul(gap, gap)), LOSS);
      b.output(reduceSum(cast(greater(mul(score, target), 0), 'float32')), 'right');
      return { graph: b.build(), sums: { right: 'sum' }, reduction: 'mean', gradientScale: 1, lookups: [] };
    },
    batches: (_split, { rank, ranks }) => ({
      count: Math.floor(points / batch / ranks),
      items: Math.floor(points / ranks),
      shapeOf: () => ({ batch }),
      feeds: () => ({ x: tensor([batch, 4]), [TARGETS]: tensor([batch]) }),
      fill(i, feeds) {
        const from = (i * ranks + rank) * batch;
        (feeds.x!.data as Float32Array).set(x.subarray(4 * from, 4 * (from + batch)));
        (feeds[TARGETS]!.data as Float32Array).set(y.subarray(from, from + batch));
        return batch;
      },
    }),
    samples: () => [{ x: { ...tensor([8, 4]), data: x.slice(0, 32) } }],
  };
}

const sphereTask: Task = {
  name: 'sphere',
  about: 'inside or outside',
  fields: { points: fields.points },
  models: [{ name: 'network', fields: { units: fields.units } }],
  presets: {},
  defaults: () => ({ threshold: 0, shrink: true, shrinkEvery: 0, seed: 1, checkpointEvery: 1000, learningRate: 0.01 }),
  async load({ task, model, batch, seed }) {
    const problem = sphere(read(task).points, batch);
    const data = { name: 'sphere', source: 'drawn by lot', sha256: problem.digest, facts: read(task) };
    return { problem, data, model: () => network(model.units as number, seed), notes: [], files: {} };
  },
};

/** Half of the connections, chosen by lot; after every epoch the weakest fifth moves elsewhere. */
function rewired({ seed, state }: MethodContext): SparsityMethod {
  let moves = Number(state?.moves ?? 0);
  const isThere = ({ mask }: Matrix) => [...mask!.keys()].filter((i) => mask![i] === 1);
  return {
    name: 'rewired',
    usesMask: true,
    parameters: new Set(['first', 'second']),
    threshold: 0,
    begin(matrices) {
      const random = randomStream(seed);
      for (const { mask } of matrices)
        for (let i = 0; i < mask!.length; i++) mask![i] = i % 2 === 0 || random() < 0.1 ? 1 : 0;
    },
    beforeUpdate(matrices) {
      for (const { rowPenalty, colPenalty } of matrices)
        for (const penalty of [rowPenalty, colPenalty]) penalty.fill(0);
      return 0;
    },
    afterEpoch(matrices, { epoch, reset }) {
      const random = randomStream(seed + epoch + 1);
      for (const matrix of matrices) {
        const { mask, weights } = matrix;
        const old = isThere(matrix).sort((i, j) => Math.abs(weights[i]!) - Math.abs(weights[j]!));
        const leaving = old.slice(0, Math.ceil(old.length / 5));
        const free = [...mask!.keys()].filter((i) => mask![i] === 0);
        const coming = leaving.map(() => free.splice(Math.floor(random() * free.length), 1)[0]!);
        for (const i of leaving) mask![i] = 0;
        for (const i of coming) mask![i] = 1;
        reset(matrix, coming);
        moves += coming.length;
      }
    },
    state: () => ({ moves }),
  };
}

/** w ← w − η sign(m), m ← 0.9 m + 0.1 g; counts its updates. */
function signs(state: OptimizerState = {}): Optimizer {
  let updates = Number(state.updates ?? 0);
  return {
    name: 'signs',
    slots: [{ name: 'm', start: 'zeros' }],
    direction(_kernels, { gradient, slots, name }, { scale }) {
      const m = slots.m!.data;
      gradient.data.forEach((g, i) => {
        m[i] = 0.9 * m[i]! + 0.1 * scale * g;
        gradient.data[i] = Math.sign(m[i]!);
      });
      if (name === 'first') updates++;
    },
    state: () => ({ updates }),
  };
}

async function startOf(): Promise<TrainOptions> {
  const said = { points: 320, units: 16, batch: 16, epochs: 8 };
  const config = resolveConfig(said, { source: 'seams', tasks: [sphereTask] });
  expect(config.task).toEqual({ kind: 'sphere', points: 320 });
  expect(config.model).toEqual({ kind: 'network', units: 16 });
  const { problem, model } = await sphereTask.load(config, {});
  return {
    ...{
      settings: { ...config, threads: 1 },
      digest: JSON.stringify(said),
      problem,
      model: model(),
      runtime: nodeRuntime,
    },
    method: { isDense: false, embeddings: false, check: () => undefined, create: rewired },
    createOptimizer: signs,
    schedule: { rate: ({ epoch }) => 0.03 / (1 + epoch / 2) },
  };
}

const folder = mkdtempSync(join(tmpdir(), 'slimrnn-seams-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a task, a method and an optimizer of one's own", () => {
  it('train, with what each of them declares', async () => {
    const store = memoryStore();
    const start = await startOf();
    const { history, model } = await train({ ...start, store });
    expect(Object.keys(history[0]!.valid!)).toEqual(['hits', 'error']);
    expect(history.at(-1)!.valid!.hits).toBeGreaterThan(0.75);
    expect(history.at(-1)!.valid!.hits).toBeGreaterThan(history[0]!.train.hits!);
    const { tensors, progress } = store.last!;
    // 20 batches in each of 8 epochs; a fifth of 32 and 8 connections, a few more by lot, moved after each.
    expect(progress.optimizer).toEqual({ updates: 160 });
    for (const name of ['first', 'second']) {
      const [mask, weights] = [tensors.get(`mask/${name}`)!.data, weightsOf(model)[name]!.data as Float32Array];
      const before = weightsOf(start.model)[name]!.data as Float32Array;
      expect(weights.filter((w, i) => mask[i] === 0 && w !== 0)).toHaveLength(0);
      const there = (mask as Uint8Array).reduce((n, m) => n + m, 0);
      // Nothing moves the weights of a unit that is off for every point.
      expect(weights.filter((w, i) => mask[i] === 1 && w === before[i]).length).toBeLessThan(there / 4);
      expect(there).toBeGreaterThanOrEqual(mask.length / 2);
      expect(there).toBeLessThan(0.7 * mask.length);
    }
    expect(progress.method!.moves).toBeGreaterThanOrEqual(8 * 9);
  });

  it('go on as if they had not been stopped, from files, also where an epoch has ended and is scored', async () => {
    const start = await startOf();
    const whole = memoryStore();
    const expected = await train({ ...start, store: whole });
    const directory = join(folder, 'run');
    mkdirSync(directory);
    const files = fileStore(directory);
    for (const at of ['4', 'scoring', '31', 'scoring']) {
      const stop = new AbortController();
      let updates = 0;
      const store: typeof files = {
        ...files,
        async save(checkpoint) {
          await files.save(checkpoint);
          if (at === 'scoring' && checkpoint.progress.ended) stop.abort();
        },
      };
      const onBatch = () => {
        updates++;
        if (String(updates) === at) stop.abort();
      };
      const stopped = train({ ...start, store, resume: true, signal: stop.signal, onBatch });
      await expect(stopped).rejects.toThrow(InterruptedError);
    }
    const resumed = await train({ ...start, store: files, resume: true });
    expect(timeless(resumed.history)).toEqual(timeless(expected.history));
    expect(weightsOf(resumed.model)).toEqual(weightsOf(expected.model));
    const last = await files.load(whole.last!.progress.digest);
    expect(timelessCheckpoint(last!)).toEqual(timelessCheckpoint(whole.last!));
  });
});
