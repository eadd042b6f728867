import { sha256Hex } from '../base/digest.ts';
import { SlimError } from '../base/errors.ts';
import { batchWindows } from '../data/batches.ts';
import type { Corpus } from '../data/makeCorpus.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { EpochMetrics, Progress } from '../runs/checkpoint.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { learningRate, type TrainConfig } from './config.ts';
import { InterruptedError } from './interrupted.ts';
import { checkMethod, groupsOf, planSparsity, type SparsityPlan } from './sparsity.ts';
import { DivergedError } from './stepper.ts';
import { stopwatch } from './stopwatch.ts';
import type { RunStore } from './store.ts';
import {
  aliveUnits,
  dismiss,
  normHistograms,
  prepare,
  shrinkTrainee,
  type Trainee,
  unitCounts,
  unitsThatStay,
} from './trainee.ts';

/** What a training run needs. */
export interface TrainOptions {
  readonly config: TrainConfig;
  readonly corpus: Corpus;
  /** The model to start from, with Dropout where training wants it. */
  readonly model: Model;
  readonly runtime: Runtime;
  /** Where checkpoints go; without it nothing is left. */
  readonly store?: RunStore | undefined;
  /** Go on from the checkpoint in the store, if there is one. */
  readonly resume?: boolean | undefined;
  /** Stop after this epoch, with a checkpoint that goes on to the same end; by default all epochs are trained. */
  readonly untilEpoch?: number | undefined;
  readonly onWindow?: ((p: WindowProgress) => void) | undefined;
  readonly onEpoch?: ((m: EpochMetrics) => void) | undefined;
  readonly onShrink?: ((from: readonly number[], to: readonly number[]) => void) | undefined;
  /** Aborting writes a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/** Where a run is, for a progress display. */
export interface WindowProgress {
  /** Current epoch from 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Windows of this epoch that are done, of `windows`. */
  readonly window: number;
  readonly windows: number;
  /** Perplexity of the training text in this epoch so far. */
  readonly perplexity: number;
  readonly tokensPerSecond: number;
  /** Seconds until training ends at the present speed. */
  readonly secondsLeft: number;
  readonly units: readonly number[];
  readonly alive: readonly number[];
}

/** A trained model with its history. */
export interface TrainedModel {
  readonly model: Model;
  readonly history: readonly EpochMetrics[];
  /** Which of its first units each layer still has; undefined when an earlier version began the run. */
  readonly kept: readonly (readonly number[])[] | undefined;
}

/** Training came to numbers from which there is no way back. */
export class TrainingDivergedError extends SlimError {
  override readonly name: string = 'TrainingDivergedError';
  /** What happened and where, without what is left on disk. */
  readonly reason: string;
  /** The epoch in which it happened, from 1. */
  readonly epoch: number;

  constructor(reason: string, epoch: number, advice: string) {
    super(`${reason}. ${advice}`);
    this.reason = reason;
    this.epoch = epoch;
  }
}

/** Identifies what a checkpoint belongs to: configuration and data, but not the number of threads or of checkpoints. */
export function runDigest(config: TrainConfig, corpus: Corpus): string {
  const { threads: _threads, checkpointEvery: _every, ...rest } = config;
  return sha256Hex(JSON.stringify([rest, corpus.sha256]));
}

/** Smallest share of the units that must have died before the graph is rebuilt in the middle of an epoch. */
const WORTHWHILE = 0.03;

/**
 * Cross entropy per token in nats from which no training comes back. It cannot be left to NaN or infinity, because the
 * logarithm of a probability is cut off at that of the smallest float32, -87.
 */
const HOPELESS = 60;

/**
 * Trains a language model by truncated back-propagation through time with carried state: epochs over the training text,
 * validation after each, shrinking and checkpoints on the way. Equal configuration, data and threads give equal
 * results, interrupted and resumed or not.
 */
export async function train(options: TrainOptions): Promise<TrainedModel> {
  const { config, corpus, store, untilEpoch = config.epochs } = options;
  checkMethod(config, options.model);
  const digest = runDigest(config, corpus);
  const groups = groupsOf(options.model, config);
  const begun = { digest, epoch: 0, window: 0, updates: 0, loss: 0, penalty: 0, seconds: 0, history: [] };
  const saved = options.resume ? await store?.load(digest) : undefined;
  const progress: Progress = saved?.progress ?? { ...begun, kept: unitCounts(groups).map((n) => [...Array(n).keys()]) };
  const { model, states } = saved ?? { model: options.model };
  const { windows } = batchWindows(corpus.train, config.batch, config.steps, { label: 'training text' });
  const sparsity = planSparsity(config, options.model, groups, windows);
  const context: RunContext = { ...options, sparsity };
  const run: Run = { trainee: await prepare(model, context, progress.method), progress };
  const save = async () => {
    const { stepper, sparsity: method } = run.trainee;
    run.progress = { ...run.progress, method: method?.state?.() };
    await store?.save({ model: stepper.model(), states: stepper.stateTensors(), progress: run.progress });
  };
  try {
    if (states) run.trainee.stepper.setStates(states);
    // So that a run that is resumed has its own first weights, whatever became of the model that they were taken from.
    if (!saved) await save();
    while (run.progress.epoch < Math.min(config.epochs, untilEpoch)) {
      const metrics = await trainEpoch(run, context, save);
      await save();
      options.onEpoch?.(metrics);
    }
    const { history, kept } = run.progress;
    return { model: detachedCopy(run.trainee.stepper.model()), history, kept };
  } finally {
    await dismiss(run.trainee);
  }
}

/** What a run needs, and what its sparsity method must know of its beginning. */
type RunContext = TrainOptions & { readonly sparsity: SparsityPlan };

/** A run as it goes on: the model in training is replaced when it shrinks, the place in the run with every update. */
interface Run {
  trainee: Trainee;
  progress: Progress;
}

/** One epoch, from wherever it stopped; `save` is called for checkpoints in between. Returns what it achieved. */
async function trainEpoch(run: Run, options: RunContext, save: () => Promise<void>): Promise<EpochMetrics> {
  const { config, corpus, onWindow, signal } = options;
  const { windows, fillWindow } = batchWindows(corpus.train, config.batch, config.steps, { label: 'training text' });
  const tokens = config.batch * config.steps;
  const inputs = new Int32Array(tokens);
  const rate = learningRate(config, run.progress.epoch);
  if (run.progress.window === 0) run.trainee.stepper.resetStates();
  let { alive } = aliveUnits(run.trainee);
  const speed = movingSpeed(tokens);
  const clock = stopwatch();

  while (run.progress.window < windows) {
    fillWindow(run.progress.window, inputs, run.trainee.stepper.targets);
    const { loss, penalty } = await stepOrExplain(run, inputs, rate, options.store);
    run.progress = afterUpdate(run.progress, loss, penalty);
    const { epoch, window, updates } = run.progress;
    if (run.trainee.sparsity && updates % config.shrinkEvery === 0) {
      alive = await removeDeadUnits(run, options, WORTHWHILE);
    }
    const tokensPerSecond = speed();
    onWindow?.({
      epoch: epoch + 1,
      epochs: config.epochs,
      window,
      windows,
      perplexity: Math.exp(run.progress.loss / (window * tokens)),
      tokensPerSecond,
      secondsLeft: (((config.epochs - epoch) * windows - window) * tokens) / tokensPerSecond,
      units: unitCounts(run.trainee.groups),
      alive,
    });
    if (signal?.aborted || (window < windows && updates % config.checkpointEvery === 0)) {
      run.progress = clock.addTo(run.progress);
      await save();
      clock.restart();
      if (signal?.aborted) throw new InterruptedError(`stopped in epoch ${epoch + 1}; --resume goes on from here`);
    }
  }
  if (run.trainee.sparsity) alive = await removeDeadUnits(run, options, 0);
  run.progress = clock.addTo(run.progress);
  // The validation may be stopped, too: the epoch before it is not lost then.
  await save();
  const { loss, penalty, seconds, epoch, history } = run.progress;
  const metrics: EpochMetrics = {
    epoch: epoch + 1,
    learningRate: rate,
    trainPerplexity: Math.exp(loss / (windows * tokens)),
    validPerplexity: await validate(run, options, rate),
    units: unitCounts(run.trainee.groups),
    alive,
    parameters: countWeights(run.trainee.stepper.model()),
    penalty: penalty / windows,
    seconds,
    tokensPerSecond: (windows * tokens) / seconds,
    groupNorms: normHistograms(run.trainee),
  };
  const begun = { epoch: epoch + 1, window: 0, loss: 0, penalty: 0, seconds: 0 };
  run.progress = { ...run.progress, ...begun, history: [...history, metrics] };
  return metrics;
}

function afterUpdate(progress: Progress, loss: number, penalty: number): Progress {
  return {
    ...progress,
    window: progress.window + 1,
    updates: progress.updates + 1,
    loss: progress.loss + loss,
    penalty: progress.penalty + penalty,
  };
}

/**
 * Counts the units alive and, where a layer lost at least the share `worthwhile` of its units, slices the dead ones
 * away.
 */
async function removeDeadUnits(run: Run, options: RunContext, worthwhile: number): Promise<number[]> {
  const { alive, live } = aliveUnits(run.trainee);
  const units = unitCounts(run.trainee.groups);
  const dead = units.map((n, i) => n - Math.max(alive[i]!, 1));
  if (!options.config.shrink || !dead.some((n, i) => n > 0 && n >= worthwhile * units[i]!)) return alive;
  const { groups } = run.trainee;
  const { trainee, removed } = await shrinkTrainee(run.trainee, live, options);
  run.trainee = trainee;
  run.progress = { ...run.progress, kept: run.progress.kept && unitsThatStay(groups, removed, run.progress.kept) };
  options.onShrink?.(units, unitCounts(run.trainee.groups));
  return aliveUnits(run.trainee).alive;
}

/** Perplexity of the validation text; throws SlimError when it shows that training diverged. */
async function validate({ trainee, progress }: Run, options: TrainOptions, rate: number): Promise<number> {
  const { batch, steps } = options.config;
  const how = { batch, steps, label: 'validation text', signal: options.signal };
  const perplexity = await trainee.evaluator.perplexity(options.corpus.valid, how);
  if (Math.log(perplexity) <= HOPELESS) return perplexity;
  const what = `training diverged: the validation perplexity is ${perplexity.toPrecision(3)}`;
  throw explained(what, rate, { ...progress, updates: progress.updates - 1 }, options.store);
}

async function stepOrExplain({ trainee, progress }: Run, inputs: Int32Array, rate: number, store?: RunStore) {
  try {
    const result = await trainee.stepper.step(inputs, rate, progress.updates);
    const loss = result.loss / inputs.length;
    if (loss <= HOPELESS) return result;
    throw explained(`training diverged: the loss is ${loss.toFixed(1)} nats per token`, rate, progress, store);
  } catch (error) {
    throw error instanceof DivergedError ? explained(error.message, rate, progress, store) : error;
  }
}

/** A divergence with its place, its likely cause and what is left. */
function explained(what: string, rate: number, at: Progress, store?: RunStore): TrainingDivergedError {
  const checkpoint = store?.place();
  return new TrainingDivergedError(
    `${what}, in epoch ${at.epoch + 1} at update ${at.updates + 1} (learning rate ${rate})`,
    at.epoch + 1,
    'Likely the steps are too large: lower --learning-rate or --clip.' +
      (checkpoint === undefined ? '' : ` The last checkpoint, from before, is kept in ${checkpoint}.`),
  );
}

/** Tokens per second over the last updates: slow starts and evaluation pauses fade out. */
function movingSpeed(tokens: number): () => number {
  const times: number[] = [performance.now()];
  return () => {
    times.push(performance.now());
    if (times.length > 51) times.shift();
    return ((times.length - 1) * tokens * 1e3) / (times[times.length - 1]! - times[0]!);
  };
}

/** Weights in all, as stored. */
function countWeights(model: Model): number {
  let count = 0;
  for (const tensor of model.graph.initializers.values()) count += tensor.data.length;
  return count;
}

/** The model with weights of its own, which outlive the trainer's memory. */
function detachedCopy(model: Model): Model {
  const copy = (t: Tensor): Tensor => ({ ...t, data: t.data.slice() as Tensor['data'] });
  const initializers = new Map([...model.graph.initializers].map(([name, t]) => [name, copy(t)]));
  return { ...model, graph: { ...model.graph, initializers } };
}
