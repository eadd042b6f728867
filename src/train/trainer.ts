import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { batchWindows } from '../data/batches.ts';
import type { Corpus } from '../data/corpus.ts';
import { SlimError } from '../errors.ts';
import { writeAtomically } from '../files.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type EpochMetrics, loadCheckpoint, type Progress, saveCheckpoint } from './checkpoint.ts';
import { learningRate, type TrainConfig } from './config.ts';
import { runFiles } from './runDirectory.ts';
import { DivergedError } from './stepper.ts';
import { aliveUnits, dismiss, prepare, shrinkTrainee, type Trainee, unitCounts } from './trainee.ts';

/** What a training run needs. */
export interface TrainOptions {
  readonly config: TrainConfig;
  readonly corpus: Corpus;
  /** The model to start from, with Dropout where training wants it. */
  readonly model: Model;
  readonly runtime: Runtime;
  /** Run directory for metrics and checkpoints; without it nothing is written. */
  readonly directory?: string | undefined;
  /** Go on from the checkpoint in the directory, if there is one. */
  readonly resume?: boolean | undefined;
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
}

/** The run was stopped from outside; its checkpoint is written. */
export class InterruptedError extends SlimError {
  override readonly name: string = 'InterruptedError';
}

/** Identifies what a checkpoint belongs to: configuration and data, but not the number of threads or of checkpoints. */
export function runDigest(config: TrainConfig, corpus: Corpus): string {
  const { threads: _threads, checkpointEvery: _every, ...rest } = config;
  return createHash('sha256')
    .update(JSON.stringify([rest, corpus.sha256]))
    .digest('hex');
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
 * validation after each, shrinking and checkpoints on the way. Equal configuration, data and threads give equal results,
 * interrupted and resumed or not.
 */
export async function train(options: TrainOptions): Promise<TrainedModel> {
  const { config, corpus, directory } = options;
  const digest = runDigest(config, corpus);
  const path = directory === undefined ? undefined : join(directory, runFiles.checkpoint);
  let progress: Progress = { digest, epoch: 0, window: 0, updates: 0, loss: 0, penalty: 0, seconds: 0, history: [] };
  let model = options.model;
  let states: ReadonlyMap<string, Tensor> | undefined;
  if (options.resume && path !== undefined && existsSync(path)) {
    ({ model, states, progress } = await loadCheckpoint(path, digest));
    // A process that was killed between the two files leaves metrics behind the checkpoint.
    await saveMetrics(path, progress);
  }
  let trainee = await prepare(model, options);
  if (states) trainee.stepper.setStates(states);
  const save = async () => {
    if (path === undefined) return;
    await saveCheckpoint(path, { model: trainee.stepper.model(), states: trainee.stepper.stateTensors(), progress });
    await saveMetrics(path, progress);
  };
  try {
    while (progress.epoch < config.epochs) {
      ({ trainee, progress } = await trainEpoch(trainee, progress, options, save, (t, p) => {
        trainee = t;
        progress = p;
      }));
      await save();
      options.onEpoch?.(progress.history[progress.history.length - 1]!);
    }
    return { model: detachedCopy(trainee.stepper.model()), history: progress.history };
  } finally {
    await dismiss(trainee);
  }
}

/** Writes the epochs so far beside the checkpoint that has them. */
async function saveMetrics(checkpoint: string, { history }: Progress): Promise<void> {
  const lines = history.map((m) => `${JSON.stringify(m)}\n`).join('');
  await writeAtomically(join(dirname(checkpoint), runFiles.metrics), lines);
}

/** One epoch, from wherever it stopped; `publish` keeps the caller's view up to date for checkpoints in between. */
async function trainEpoch(
  start: Trainee,
  begun: Progress,
  options: TrainOptions,
  save: () => Promise<void>,
  publish: (trainee: Trainee, progress: Progress) => void,
): Promise<{ trainee: Trainee; progress: Progress }> {
  const { config, corpus, onWindow, onShrink, signal } = options;
  const windows = batchWindows(corpus.train, config.batch, config.steps, { label: 'training text' });
  const tokens = config.batch * config.steps;
  const inputs = new Int32Array(tokens);
  const rate = learningRate(config, begun.epoch);
  let trainee = start;
  let progress = begun;
  if (progress.window === 0) trainee.stepper.resetStates();
  let { alive } = aliveUnits(trainee);
  let since = performance.now();
  const speed = movingSpeed(tokens);

  const lookForDeadUnits = async (worthwhile: number) => {
    const found = aliveUnits(trainee);
    alive = found.alive;
    const units = unitCounts(trainee.groups);
    const dead = units.map((n, i) => n - Math.max(alive[i]!, 1));
    if (!config.shrink || !dead.some((n, i) => n > 0 && n >= worthwhile * units[i]!)) return;
    trainee = await shrinkTrainee(trainee, found.live, options);
    publish(trainee, progress);
    ({ alive } = aliveUnits(trainee));
    onShrink?.(units, unitCounts(trainee.groups));
  };

  while (progress.window < windows.windows) {
    windows.fillWindow(progress.window, inputs, trainee.stepper.targets);
    const result = await stepOrExplain(trainee, inputs, rate, progress, options.directory);
    progress = {
      ...progress,
      window: progress.window + 1,
      updates: progress.updates + 1,
      loss: progress.loss + result.loss,
      penalty: progress.penalty + result.penalty,
    };
    publish(trainee, progress);
    if (config.iss > 0 && progress.updates % config.shrinkEvery === 0) await lookForDeadUnits(WORTHWHILE);
    const done = progress.window;
    const tokensPerSecond = speed();
    onWindow?.({
      epoch: progress.epoch + 1,
      epochs: config.epochs,
      window: done,
      windows: windows.windows,
      perplexity: Math.exp(progress.loss / (done * tokens)),
      tokensPerSecond,
      secondsLeft: (((config.epochs - progress.epoch) * windows.windows - done) * tokens) / tokensPerSecond,
      units: unitCounts(trainee.groups),
      alive,
    });
    const last = done === windows.windows;
    if (signal?.aborted || (!last && progress.updates % config.checkpointEvery === 0)) {
      progress = { ...progress, seconds: progress.seconds + (performance.now() - since) / 1e3 };
      publish(trainee, progress);
      await save();
      since = performance.now();
      if (signal?.aborted)
        throw new InterruptedError(`stopped in epoch ${progress.epoch + 1}; --resume goes on from here`);
    }
  }
  if (config.iss > 0) await lookForDeadUnits(0);
  const seconds = progress.seconds + (performance.now() - since) / 1e3;
  const { batch, steps } = config;
  const validPerplexity = await trainee.evaluator.perplexity(corpus.valid, { batch, steps, label: 'validation text' });
  if (!(Math.log(validPerplexity) <= HOPELESS)) {
    const at = { ...progress, updates: progress.updates - 1 };
    const what = `training diverged: the validation perplexity is ${validPerplexity.toPrecision(3)}`;
    throw explained(what, rate, at, options.directory);
  }
  const metrics: EpochMetrics = {
    epoch: progress.epoch + 1,
    learningRate: rate,
    trainPerplexity: Math.exp(progress.loss / (windows.windows * tokens)),
    validPerplexity,
    units: unitCounts(trainee.groups),
    alive,
    parameters: countWeights(trainee.stepper.model()),
    penalty: progress.penalty / windows.windows,
    seconds,
    tokensPerSecond: (windows.windows * tokens) / seconds,
  };
  progress = {
    ...progress,
    epoch: progress.epoch + 1,
    window: 0,
    loss: 0,
    penalty: 0,
    seconds: 0,
    history: [...progress.history, metrics],
  };
  publish(trainee, progress);
  return { trainee, progress };
}

async function stepOrExplain(trainee: Trainee, inputs: Int32Array, rate: number, at: Progress, directory?: string) {
  try {
    const result = await trainee.stepper.step(inputs, rate, at.updates);
    const loss = result.loss / inputs.length;
    if (loss > HOPELESS)
      throw explained(`training diverged: the loss is ${loss.toFixed(1)} nats per token`, rate, at, directory);
    return result;
  } catch (error) {
    throw error instanceof DivergedError ? explained(error.message, rate, at, directory) : error;
  }
}

/** A divergence with its place, its likely cause and what is left. */
function explained(what: string, rate: number, at: Progress, directory?: string): SlimError {
  const checkpoint = directory !== undefined && existsSync(join(directory, runFiles.checkpoint));
  return new SlimError(
    `${what}, in epoch ${at.epoch + 1} at update ${at.updates + 1} (learning rate ${rate}). ` +
      'Likely the steps are too large: lower --learning-rate or --clip.' +
      (checkpoint ? ` The last checkpoint, from before, is kept in ${directory}.` : ''),
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
