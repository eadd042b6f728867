import { UsageError } from '../base/errors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import type { FirstModel } from '../methods/kind.ts';
import { learnedShare, totalRate } from '../optimizers/schedules/schedule.ts';
import { joinDirections } from '../passes/joinDirections.ts';
import { agree, failureOf, type Plan, type Standing } from './agreement.ts';
import { type Look, lifeWatch, mildLambda } from './collapse.ts';
import { type Collective, single } from './collective.ts';
import { bestEpoch, isOutOfPatience, type Run, trainEpoch } from './epoch.ts';
import type { TrainedModel, TrainOptions, TrainStart } from './options.ts';
import { ofRank, withAllStates } from './rankStates.ts';
import type { Snapshot } from './snapshot.ts';
import { epochStart } from './store.ts';
import { firstModelOf, type TrainableForm, trainableForm, weightsFrom } from './trainableForm.ts';
import type { Weights } from './trainedWeights.ts';
import { type TrainSetup, TrainState } from './trainState.ts';
import { untrainedNotes } from './untrained.ts';

/**
 * Trains a model on a problem: epochs over the training data, scores on the held-out data after each, shrinking and
 * checkpoints on the way. Equal configuration, data, model and threads give equal results, interrupted and resumed or
 * not. Throws UsageError or SlimError before anything is written where they do not fit together.
 */
export async function train(options: TrainOptions): Promise<TrainedModel> {
  const { problem, settings, collective = single } = options;
  const { run, setup, start, isResumed } = await met(ready(options), collective, (made) => planOf(made, options));
  const save = () => saveRun(run, options);
  try {
    await met(shown(options, start), collective, () => ({}));
    if (!isResumed) {
      run.state.begin();
      // So that a run that is resumed has its own first weights, whatever became of the model that they were taken from.
      await save();
    }
    const watch = lifeWatch(setup, run.progress.history);
    const last = Math.min(settings.epochs, options.untilEpoch ?? settings.epochs);
    while (run.progress.epoch < last && !isOutOfPatience(run.progress.history, problem.scores, settings.patience)) {
      const metrics = await trainEpoch(run, setup, { save, watch });
      const { history, kept } = run.progress;
      const at = { epoch: metrics.epoch, kept, isBest: bestEpoch(history, problem.scores) === metrics.epoch };
      if (setup.collective.rank === 0) await options.onEpochModel?.(finishedModel(run, options), at);
      await save();
      options.onEpoch?.(metrics);
      watch(metrics.epoch, metrics.alive);
    }
    const { history, kept } = run.progress;
    return { model: finishedModel(run, options), history, kept, start };
  } finally {
    await run.state.release();
  }
}

/** What a run goes by, with what follows from it. */
type ReadySetup = TrainOptions &
  TrainSetup &
  Look & {
    /** What a user should know of the settings. */
    readonly settingNotes: readonly string[];
  };

/** A run before its first update. */
interface Ready {
  readonly run: Run;
  readonly setup: ReadySetup;
  readonly start: TrainStart;
  readonly isResumed: boolean;
}

/** Checks all that may be wrong and makes the run, or finds it in its store. */
async function ready(options: TrainOptions): Promise<Ready> {
  const { store, collective = single } = options;
  requireScores(options);
  const form = trainableForm(options.model, options);
  const digest = runDigest(options);
  const found = options.resume ? await store?.load(digest) : undefined;
  const saved = found && ofRank(found, collective);
  const first = firstModelOf(form, options);
  if (first) options.method.check(first);
  const setup = setupOf(options, first);
  const snapshot = saved ? weightsFrom(saved, form) : { model: form.model, weights: form.weights, tensors: new Map() };
  const begun = saved?.progress ?? { digest, epoch: 0, updates: 0, ...epochStart, history: [] };
  const ranks = collective.ranks === 1 ? undefined : collective.ranks;
  const run: Run = { state: await TrainState.create(snapshot, setup), progress: { ...begun, ranks } };
  const { layers } = setup;
  if (!saved && run.state.groups) {
    run.progress = { ...run.progress, kept: layers.map(({ units }) => [...Array(units).keys()]) };
  }
  const start = { parameters: run.state.countParameters(), layers, notes: await startNotes(run.state, setup, form) };
  return { run, setup, start, isResumed: saved !== undefined };
}

/** What a user should know before the first update. */
export async function startNotes(
  state: TrainState,
  { settingNotes }: ReadySetup,
  form: TrainableForm,
): Promise<string[]> {
  return [...settingNotes, ...state.notes, ...(await state.placeNotes()), ...untrainedNotes(form)];
}

/** What processes that train together must have in common, as messages call it. */
function planOf({ run: { progress } }: Ready, { digest, problem }: TrainOptions): Plan {
  const { epoch, batch, updates } = progress;
  return { configuration: digest, data: problem.digest, checkpoint: `${epoch}/${batch}/${updates}` };
}

async function shown({ onReady }: TrainOptions, start: TrainStart): Promise<void> {
  await onReady?.(start);
}

/** What work comes to once every process has done its own; an error in one of them is thrown in all. */
async function met<T>(work: Promise<T>, collective: Collective, plan: (made: T) => Plan): Promise<T> {
  if (collective.ranks === 1) return work;
  const standing = work.then((made): Standing => ({ kind: 'ready', plan: plan(made) }), failureOf);
  await agree(await standing, collective);
  return work;
}

/** Writes a checkpoint; of several processes the first one does, with the states of all. */
async function saveRun(run: Run, { store, collective = single }: TrainOptions): Promise<void> {
  if (store === undefined) return;
  const { model, weights, tensors, method, optimizer } = run.state.snapshot();
  run.progress = { ...run.progress, method, optimizer };
  const all = await withAllStates(tensors, collective);
  if (collective.rank > 0) return;
  await store.save({ model, tensors: withMasters(model, weights, all), progress: run.progress });
}

/** The model as it is after an epoch. */
function finishedModel({ state }: Run, options: TrainOptions): Model {
  const model = joinDirections(state.finished());
  // Dense training leaves all but the weights as it came, also which states a model names.
  const { metadata } = options.method.isDense ? options.model : model;
  return { ...model, metadata };
}

/** Throws a UsageError for what goes by scores that never come: it would silently do nothing. */
export function requireScores({ problem, needsScores = [] }: TrainOptions): void {
  if (needsScores.length === 0 || problem.splits.includes('valid')) return;
  const verb = needsScores.length === 1 ? 'goes' : 'go';
  throw new UsageError(
    `${needsScores.join(' and ')} ${verb} by scores on held-out data, and there are none: name some with --valid`,
  );
}

/** Identifies what a checkpoint belongs to. */
export function runDigest({ digest, problem }: Pick<TrainOptions, 'digest' | 'problem'>): string {
  return `${digest} ${problem.digest}`;
}

/** What stays the same while a model is trained. */
export function setupOf(options: TrainOptions, first: FirstModel | undefined): ReadySetup {
  const { problem, settings, method, schedule, collective = single } = options;
  const { epochs, threshold, seed } = settings;
  const { rank, ranks } = collective;
  const { count: updates } = problem.batches('train', { epoch: 0, seed, rank, ranks });
  const run = { epochs, updatesPerEpoch: updates };
  const learned = (update: number) => learnedShare(schedule, run, { update, history: [] });
  return {
    ...options,
    createMethod: (model) =>
      first &&
      method.create({
        ...model,
        ...{ first, updates, epochs, threshold, seed, learned, totalRate: totalRate(schedule, run) },
      }),
    settingNotes: options.notes?.(run) ?? [],
    collective,
    mildLambda: () => first && mildLambda(first, totalRate(schedule, run)),
    layers: (first?.groups.layers ?? []).map(({ name, components }) => {
      const isFixed = components.every((k) => k < 0);
      return { name, units: components.length, ...(isFixed && { isFixed }) };
    }),
  };
}

/** A model in half precision stores rounded weights: training goes on from the exact ones, beside it. */
function withMasters({ graph }: Model, weights: Weights, tensors: Snapshot['tensors']): Map<string, Tensor> {
  const all = new Map(tensors);
  for (const [name, tensor] of weights) {
    if (graph.initializers.get(name)?.elementType !== 'float32') all.set(`master/${name}`, tensor);
  }
  return all;
}
