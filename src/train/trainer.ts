import { SlimError } from '../base/errors.ts';
import { namesStates, type StatePair, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import type { FirstModel, MethodContext } from '../methods/kind.ts';
import type { SparsityMethod } from '../methods/method.ts';
import type { Optimizer, OptimizerState } from '../optimizers/optimizer.ts';
import { learnedShare, type Schedule } from '../optimizers/schedules/schedule.ts';
import { joinDirections } from '../passes/joinDirections.ts';
import type { EpochMetrics } from '../runs/metrics.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type ScoreKind, type ScoreValues, scoresOf } from '../tasks/score.ts';
import type { Problem } from '../tasks/task.ts';
import { type Collective, single } from './collective.ts';
import { type EpochListeners, trainEpoch } from './epoch.ts';
import { epochStart, type Progress } from './progress.ts';
import type { Checkpoint, RunStore } from './store.ts';
import { firstModelOf, trainableForm, weightsFrom } from './trainableForm.ts';
import { type TrainSetup, TrainState } from './trainState.ts';

/** What the trainer goes by, whatever is trained and how. */
export interface TrainSettings {
  readonly epochs: number;
  /** Bound on the norm of the whole gradient; absent for none. */
  readonly clip?: number | undefined;
  /** τ: with a sparsity method, weights below it become 0 after every update. */
  readonly threshold: number;
  /** Slices dead units away: every so many updates and after each epoch, or (0) only between epochs. */
  readonly shrink: boolean;
  readonly shrinkEvery: number;
  /** Stops after so many epochs without a better deciding score. */
  readonly patience?: number | undefined;
  readonly freeze?: readonly string[] | undefined;
  readonly fix?: readonly string[] | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly checkpointEvery: number;
}

/** A choice of method, optimizer and schedule, with all that a run goes by. */
export interface TrainParts {
  readonly settings: TrainSettings;
  /** Digest of all that determines the run besides data and first model. */
  readonly digest: string;
  readonly method: {
    /** True when nothing is to vanish. */
    readonly isDense: boolean;
    /** Whether columns of embeddings are units too. */
    readonly embeddings: boolean;
    /** Throws a UsageError when the method cannot do with a model what it is asked for. */
    check(first: FirstModel): void;
    create(context: MethodContext): SparsityMethod | undefined;
  };
  createOptimizer(state?: OptimizerState): Optimizer;
  readonly schedule: Schedule;
}

/** What a training run needs. */
export interface TrainOptions extends TrainParts, EpochListeners {
  readonly problem: Problem;
  /** The model to start from, with Dropout where training wants it. */
  readonly model: Model;
  readonly runtime: Runtime;
  /** Streaming states that are zero at the start of an example; by default those that the model names. */
  readonly states?: readonly StatePair[] | undefined;
  /** Verifies after each shrink that the smaller model computes the same: for graphs that others made. */
  readonly verifiesShrinks?: boolean | undefined;
  /** Where checkpoints go; without it nothing is left. */
  readonly store?: RunStore | undefined;
  /** Go on from the checkpoint in the store, if there is one. */
  readonly resume?: boolean | undefined;
  /** Stop after this epoch, with a checkpoint that goes on to the same end; by default all epochs are trained. */
  readonly untilEpoch?: number | undefined;
  readonly collective?: Collective | undefined;
  /** Called once when model, data and configuration fit together, before the first update. */
  readonly onReady?: ((start: TrainStart) => void | Promise<void>) | undefined;
  readonly onEpoch?: ((m: EpochMetrics) => void) | undefined;
}

/** What a run is about to do. */
export interface TrainStart {
  /** Weights that are trained. */
  readonly parameters: number;
  /** Layers with their units; empty where they cannot be traced. */
  readonly layers: readonly { readonly name: string; readonly units: number }[];
  /** What a user should know: activations that the loss took apart, layers that keep their units. */
  readonly notes: readonly string[];
}

/** A trained model with its history. */
export interface TrainedModel {
  /** With the averaged weights where the optimizer keeps an average. */
  readonly model: Model;
  readonly history: readonly EpochMetrics[];
  /** Which of its first units each layer still has; undefined where units cannot be traced. */
  readonly kept: readonly (readonly number[])[] | undefined;
  readonly start: TrainStart;
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

/** A run as it goes on: the model in training is replaced when it shrinks, the place in the run with every update. */
export interface Run {
  state: TrainState;
  progress: Progress;
}

/**
 * Trains a model on a problem: epochs over the training data, scores on the held-out data after each, shrinking and
 * checkpoints on the way. Equal configuration, data, model and threads give equal results, interrupted and resumed or
 * not. Throws UsageError or SlimError before anything is written where they do not fit together.
 */
export async function train(options: TrainOptions): Promise<TrainedModel> {
  const { problem, settings, store, collective = single } = options;
  const form = trainableForm(options.model, options);
  const digest = runDigest(options);
  const saved = options.resume ? await store?.load(digest) : undefined;
  const first = firstModelOf(form, options);
  if (first) options.method.check(first);
  const setup = setupOf(options, first, collective);
  const snapshot = saved ? weightsFrom(saved, form) : { model: form.model, weights: form.weights, tensors: new Map() };
  const run: Run = { state: await TrainState.create(snapshot, setup), progress: saved?.progress ?? fresh(digest) };
  const save = async () => {
    if (collective.rank > 0 || store === undefined) return;
    const { method, optimizer, ...rest } = run.state.snapshot();
    run.progress = { ...run.progress, method, optimizer };
    await store.save(checkpointOf(rest, run.progress));
  };
  try {
    const { groups } = run.state;
    const layers = (first?.groups.layers ?? []).map((l) => ({ name: l.name, units: l.components.length }));
    if (!saved && groups) run.progress = { ...run.progress, kept: layers.map(({ units }) => [...Array(units).keys()]) };
    const start = { parameters: run.state.countParameters(), layers, notes: run.state.notes };
    await options.onReady?.(start);
    if (!saved) {
      run.state.begin();
      // So that a run that is resumed has its own first weights, whatever became of the model that they were taken from.
      await save();
    }
    const last = Math.min(settings.epochs, options.untilEpoch ?? settings.epochs);
    while (run.progress.epoch < last && !isOutOfPatience(run.progress.history, problem, settings)) {
      const metrics = await trainEpoch(run, options, setup, save);
      await save();
      options.onEpoch?.(metrics);
    }
    const { history, kept } = run.progress;
    return { model: joinDirections(run.state.finished()), history, kept, start };
  } finally {
    await run.state.release();
  }
}

function fresh(digest: string): Progress {
  return { digest, epoch: 0, updates: 0, ...epochStart, history: [] };
}

/** Identifies what a checkpoint belongs to. */
export function runDigest({ digest, problem }: Pick<TrainOptions, 'digest' | 'problem'>): string {
  return `${digest} ${problem.digest}`;
}

function setupOf(options: TrainOptions, first: FirstModel | undefined, collective: Collective): TrainSetup {
  const { problem, settings, method, schedule, runtime } = options;
  const { rank, ranks } = collective;
  const { count: updates } = problem.batches('train', { epoch: 0, seed: settings.seed, rank, ranks });
  const run = { epochs: settings.epochs, updatesPerEpoch: updates };
  return {
    problem,
    runtime,
    threads: settings.threads,
    clip: settings.clip ?? Number.POSITIVE_INFINITY,
    seed: settings.seed,
    fix: settings.fix ?? [],
    embeddings: method.embeddings,
    isDense: method.isDense,
    createMethod: (model, state) =>
      first &&
      method.create({
        ...model,
        ...{ first, updates, epochs: settings.epochs, threshold: settings.threshold, seed: settings.seed, state },
        learned: (update) => learnedShare(schedule, run, { update, history: [] }),
      }),
    createOptimizer: (state) => options.createOptimizer(state),
    collective,
  };
}

function checkpointOf(
  { model, weights, tensors }: Pick<ReturnType<TrainState['snapshot']>, 'model' | 'weights' | 'tensors'>,
  progress: Progress,
): Checkpoint {
  const all = new Map(tensors);
  // A model in half precision stores rounded weights: training goes on from the exact ones.
  for (const [name, tensor] of weights) {
    if (model.graph.initializers.get(name)?.elementType !== 'float32') all.set(`master/${name}`, tensor);
  }
  return { model, tensors: all, progress };
}

/** The deciding score of each epoch, in a form of which less is better; empty without held-out data. */
export function decidingScores(history: readonly EpochMetrics[], scores: readonly ScoreKind[]): number[] {
  const [deciding] = scores;
  return history.flatMap(({ valid }) => {
    const value = deciding && valid?.[deciding.name];
    return value === undefined ? [] : [deciding!.better === 'lower' ? value : -value];
  });
}

function isOutOfPatience(history: readonly EpochMetrics[], { scores }: Problem, { patience }: TrainSettings): boolean {
  const values = decidingScores(history, scores);
  return (
    patience !== undefined && values.length > patience && values.indexOf(Math.min(...values)) < values.length - patience
  );
}

/** Scores of what some batches added up to. */
export function valuesOf({ scores }: Problem, sums: Parameters<typeof scoresOf>[1]): ScoreValues {
  return scoresOf(scores, sums);
}

/** The streaming states that a model's metadata name. */
export function namedStates(model: Model): readonly StatePair[] {
  return namesStates(model) ? statesOf(model) : [];
}
