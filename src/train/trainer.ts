import { UsageError } from '../base/errors.ts';
import type { FirstModel } from '../methods/kind.ts';
import { learnedShare, totalRate } from '../optimizers/schedules/schedule.ts';
import { joinDirections } from '../passes/joinDirections.ts';
import type { Problem } from '../tasks/task.ts';
import { type Collective, single } from './collective.ts';
import { trainEpoch } from './epoch.ts';
import type { EpochMetrics } from './metrics.ts';
import type { TrainedModel, TrainOptions, TrainSettings } from './options.ts';
import { epochStart, type Progress } from './progress.ts';
import { decidingScores, type Run } from './run.ts';
import type { Checkpoint } from './store.ts';
import { firstModelOf, trainableForm, weightsFrom } from './trainableForm.ts';
import { type TrainSetup, TrainState } from './trainState.ts';

/**
 * Trains a model on a problem: epochs over the training data, scores on the held-out data after each, shrinking and
 * checkpoints on the way. Equal configuration, data, model and threads give equal results, interrupted and resumed or
 * not. Throws UsageError or SlimError before anything is written where they do not fit together.
 */
export async function train(options: TrainOptions): Promise<TrainedModel> {
  const { problem, settings, store, collective = single } = options;
  requireScores(options);
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
    const model = joinDirections(run.state.finished());
    // Dense training leaves all but the weights as it came, also which states a model names.
    return {
      model: options.method.isDense ? { ...model, metadata: options.model.metadata } : model,
      history,
      kept,
      start,
    };
  } finally {
    await run.state.release();
  }
}

/** What goes by scores that never come would silently do nothing. */
function requireScores({ problem, needsScores = [] }: TrainOptions): void {
  if (needsScores.length === 0 || problem.splits.includes('valid')) return;
  const verb = needsScores.length === 1 ? 'goes' : 'go';
  throw new UsageError(
    `${needsScores.join(' and ')} ${verb} by scores on held-out data, and there are none: name some with --valid`,
  );
}

function fresh(digest: string): Progress {
  return { digest, epoch: 0, updates: 0, ...epochStart, history: [] };
}

/** Identifies what a checkpoint belongs to. */
export function runDigest({ digest, problem }: Pick<TrainOptions, 'digest' | 'problem'>): string {
  return `${digest} ${problem.digest}`;
}

/** What stays the same while a model is trained. */
export function setupOf(options: TrainOptions, first: FirstModel | undefined, collective: Collective): TrainSetup {
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
        totalRate: totalRate(schedule, run),
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

function isOutOfPatience(history: readonly EpochMetrics[], { scores }: Problem, { patience }: TrainSettings): boolean {
  const values = decidingScores(history, scores);
  return (
    patience !== undefined && values.length > patience && values.indexOf(Math.min(...values)) < values.length - patience
  );
}
