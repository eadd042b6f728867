import { SlimError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { modelOf } from '../graph/model.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { unrollLoops } from '../passes/unrollLoops.ts';
import { type DeviceCopies, deviceCopies } from '../runtime/deviceCopies.ts';
import type { DeviceTensor, DeviceTensors, Tensors } from '../runtime/runtime.ts';
import { zerosFor } from '../runtime/zeros.ts';
import { type ScoreValues, type Sums, scoresOf } from '../tasks/score.ts';
import {
  type BatchShape,
  LOSS,
  type Problem,
  type ScoreDetails,
  type Split,
  shapeKey,
  splitLabels,
} from '../tasks/task.ts';
import { anyStopped, type Collective, single } from './collective.ts';
import { type ScoringGraph, scoringGraph } from './compile.ts';
import { InterruptedError } from './errors.ts';
import { rowsFrom } from './lookupTable.ts';
import type { TrainOptions } from './options.ts';
import { floatTensor, MOST_SHAPES, type SessionSettings, usedBy, zeros } from './step.ts';
import { addSums, batchSums, type PlainSums, sharedSums, zeroTotals } from './sums.ts';
import { trainableNames, weightsOfModel } from './trainedWeights.ts';

/** How a split is scored. */
export interface ScoreOptions {
  /** Called now and then with the share of the data that is done. */
  readonly onProgress?: ((share: number) => void) | undefined;
  /** Aborting throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/** Scores data with a model whose weights may change between calls. */
export interface Scorer {
  /** Sums of all batches of a split, states carried where the task carries them. */
  score(split: Split, options?: ScoreOptions): Promise<Sums>;
  release(): Promise<void>;
}

/** What a scorer is made of. */
export interface ScorerOptions extends SessionSettings {
  readonly problem: Problem;
  readonly seed: number;
  /** Names and current values of what is trained; by default the model's own weights. */
  readonly trained?: ReadonlySet<string> | undefined;
  readonly weights?: WeightOf | undefined;
  readonly collective?: Collective | undefined;
}

/** A scoring graph for batches of some shape. */
interface CompiledScoring {
  readonly plan: ScoringGraph;
  /** Runs it, with the weights as they are, or those that are `there` on a device. */
  run(feeds: Tensors, outputs: readonly string[], there?: DeviceTensors): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

type WeightOf = (name: string) => Tensor | undefined;

/** A scorer over a model's structure. Several processes score a part each, and have the sums of all. */
export function createScorer(model: Model, options: ScorerOptions): Scorer {
  const { problem, runtime, threads, seed, collective = single } = options;
  const trained = options.trained ?? new Set(trainableNames(model.graph));
  const weights = options.weights ?? storedWeights(model, trained);
  const fed = fedWeights(weights);
  const device = runtime.deviceMemory;
  const copies = device && deviceCopies(device);
  const compiled = new Recent<CompiledScoring>(MOST_SHAPES, (made) => made.release());
  const compiledFor = (shape: BatchShape) => {
    // Written out for a device, a loop has a number of steps.
    const sizes = problem.scoresAnyShape && !device ? undefined : shape;
    return compiled.get(sizes ? shapeKey(sizes) : '', async (): Promise<CompiledScoring> => {
      const plan = scoringGraph(model, problem, trained, sizes);
      const options = { threads, plansMemory: false };
      if (device === undefined) {
        const session = await runtime.createSession(modelOf(plan.graph, {}, plan.opsets), options);
        return {
          plan,
          run: (feeds, outputs) => session.run({ ...fed(plan), ...feeds }, { outputs }),
          release: session.release,
        };
      }
      const session = await device.createSession(modelOf(unrollLoops(plan.graph), {}, plan.opsets), [], options);
      const run: CompiledScoring['run'] = async (feeds, _outputs, there) => (await session.run(feeds, there)).read;
      return { plan, run, release: session.release };
    });
  };
  async function scoreWith(split: Split, { onProgress, signal }: ScoreOptions, there: WeightsThere | undefined) {
    const { rank, ranks } = collective;
    const batches = problem.batches(split, { epoch: 0, seed, rank, ranks });
    const buffers = new Map<string, Tensors>();
    const carried: Record<string, Tensor> = {};
    let sums: PlainSums = { count: 0, totals: {} };
    for (let i = 0; i < batches.count; i++) {
      // Several processes score to the end: none may leave while others wait for its sums.
      if (ranks === 1 && signal?.aborted) throw interrupted(split);
      const shape = batches.shapeOf(i);
      const { plan, run } = await compiledFor(shape);
      if (i === 0) sums = zeroTotals(plan);
      const key = shapeKey(shape);
      const batch = buffers.get(key) ?? batches.feeds(shape);
      buffers.set(key, batch);
      const count = batches.fill(i, batch);
      if (count === 0) continue;
      addZeroStates(carried, plan, shape);
      const feeds: Record<string, Tensor> = { ...carried, ...usedBy(plan.graph, batch) };
      for (const l of plan.lookups) feeds[l.values] = lookedUp(weights(l.table)!, batch[l.indices]!);
      const unfed = zerosFor(plan.graph.inputs, { ...fed(plan), ...feeds });
      const summed = [LOSS, ...Object.keys(plan.sums), ...(plan.judged?.outputs ?? [])];
      const outputs = [...summed, ...plan.states.map((s) => s.output)];
      const results = await run({ ...feeds, ...unfed }, outputs, await there?.of(plan));
      sums = addSums(sums, batchSums(plan, results, count, { batches, index: i }));
      for (const { input, output } of plan.states) carried[input] = results[output]!;
      if (i % 50 === 49) onProgress?.((i + 1) / batches.count);
    }
    const all = await sharedSums(sums, collective);
    if (ranks > 1 && (await anyStopped(signal, collective))) throw interrupted(split);
    if (all.count === 0) throw new SlimError(`nothing counts in the ${splitLabels[split]} data`);
    return all;
  }
  return {
    async score(split, options = {}) {
      const there = copies && weightsThere(copies, fed);
      try {
        return await scoreWith(split, options, there);
      } finally {
        there?.release();
      }
    },
    async release() {
      await copies?.release();
      await compiled.clear();
    },
  };
}

/** The weights of scoring graphs on a device, while they do not change: each is brought there once. */
interface WeightsThere {
  of(plan: ScoringGraph): Promise<DeviceTensors>;
  release(): void;
}

function weightsThere(copies: DeviceCopies, fed: (plan: ScoringGraph) => Tensors): WeightsThere {
  const there = new Map<string, DeviceTensor>();
  return {
    async of(plan) {
      const missing = Object.entries(fed(plan)).filter(([name]) => !there.has(name));
      if (missing.length > 0) {
        for (const [name, tensor] of Object.entries(await copies.upload(Object.fromEntries(missing))))
          there.set(name, tensor);
      }
      return Object.fromEntries(plan.parameters.map(({ name }) => [name, there.get(name)!]));
    },
    release() {
      for (const tensor of there.values()) tensor.release();
    },
  };
}

function interrupted(split: Split): InterruptedError {
  return new InterruptedError(`stopped while scoring the ${splitLabels[split]} data; --resume goes on from here`);
}

/** What scoring a model gives. */
export interface ScoredModel {
  /** On each part of the data that the model was scored on. */
  readonly scores: Readonly<Partial<Record<Split, ScoreValues>>>;
  /** Of the last of these parts. */
  readonly details?: ScoreDetails | undefined;
}

/** How a finished model is scored. */
export interface FinishedScoreOptions extends Pick<TrainOptions, 'problem' | 'runtime' | 'signal'> {
  readonly settings: Pick<TrainOptions['settings'], 'threads' | 'seed'>;
  /** As of `ScorerOptions`; none leaves all weights in the graph, in whatever form the model stores them. */
  readonly trained?: ReadonlySet<string> | undefined;
}

/** Scores a finished model on `splits`, by default all held-out data. Throws InterruptedError when it is aborted. */
export async function scoreModel(
  model: Model,
  { problem, runtime, settings, signal, trained }: FinishedScoreOptions,
  splits: readonly Split[] = problem.splits.filter((split) => split !== 'train'),
): Promise<ScoredModel> {
  const { threads, seed } = settings;
  const scorer = createScorer(model, { problem, runtime, threads, seed, trained });
  const scores: Partial<Record<Split, ScoreValues>> = {};
  let details: ScoreDetails | undefined;
  try {
    for (const split of splits) {
      const sums = await scorer.score(split, { signal });
      scores[split] = scoresOf(problem.scores, sums);
      details = problem.details?.(sums);
    }
  } finally {
    await scorer.release();
  }
  return { scores, details };
}

function storedWeights(model: Model, names: ReadonlySet<string>): WeightOf {
  const stored = weightsOfModel(model, [...names]);
  return (name) => stored.get(name);
}

/** Feeds for weights, with one wrapper per buffer, so that the runtime's own wrapper is made once. */
function fedWeights(weights: WeightOf): (plan: ScoringGraph) => Record<string, Tensor> {
  const wrapped = new Map<string, Tensor>();
  return ({ parameters }) => {
    for (const { name, dims } of parameters) {
      const tensor = weights(name)!;
      if (wrapped.get(name)?.data !== tensor.data) wrapped.set(name, { ...tensor, dims });
    }
    return Object.fromEntries(parameters.map(({ name }) => [name, wrapped.get(name)!]));
  };
}

/** States at the start of the data are zero; `carried` are those that came out of the batch before. */
function addZeroStates(carried: Record<string, Tensor>, plan: ScoringGraph, shape: BatchShape): void {
  for (const { input } of plan.states) {
    const free = plan.graph.inputs.find((v) => v.name === input)!.type.shape!;
    carried[input] ??= zeros(free.map((d) => (typeof d === 'number' ? d : shape[d]!)));
  }
}

/** Rows of a table for word numbers of any shape. */
export function lookedUp(table: Tensor, indices: Tensor): Tensor {
  return floatTensor([...indices.dims, table.dims[1]!], rowsFrom(table, indices.data as Int32Array));
}
