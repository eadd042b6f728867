import { normsByLayer } from '../groups/logHistogram.ts';
import { type ScoreKind, type ScoreValues, scoresOf } from '../tasks/score.ts';
import type { Batches } from '../tasks/task.ts';
import type { LifeWatch } from './collapse.ts';
import { anyStopped } from './collective.ts';
import { DivergedError, InterruptedError, TrainingDivergedError } from './errors.ts';
import type { EpochMetrics } from './metrics.ts';
import type { BatchProgress, TrainOptions } from './options.ts';
import { shrinkState, unitsThatStay } from './shrinkState.ts';
import { epochStart, type Progress } from './store.ts';
import { addSums } from './sums.ts';
import type { TrainSetup, TrainState } from './trainState.ts';
import type { StepResult } from './weightStore.ts';

/** Smallest share of a layer's units that must have died before the graph is rebuilt in the middle of an epoch. */
const WORTHWHILE = 0.03;

/** A run as it goes on: the model in training is replaced when it shrinks, the place in the run with every update. */
export interface Run {
  state: TrainState;
  progress: Progress;
}

type RunOptions = TrainOptions & TrainSetup;

/** What goes on beside the updates of an epoch. */
export interface Beside {
  /** Writes a checkpoint. */
  readonly save: () => Promise<void>;
  /** Looks at the units that are left wherever dead ones may have left. */
  readonly watch: LifeWatch;
}

/** One epoch, from wherever it stopped. Returns what it achieved. */
export async function trainEpoch(run: Run, options: RunOptions, { save, watch }: Beside): Promise<EpochMetrics> {
  const { settings, problem, method, signal, onBatch } = options;
  const { epoch } = run.progress;
  const { rank, ranks } = options.collective;
  const batches = problem.batches('train', { epoch, seed: settings.seed, rank, ranks });
  if (run.progress.batch === 0) run.state.resetStates();
  let { units, alive } = run.state.units();
  const speed = movingSpeed(batches);
  let since = performance.now();
  const saveTimed = async () => {
    run.progress = { ...run.progress, seconds: run.progress.seconds + (performance.now() - since) / 1e3 };
    await run.state.readBack();
    await save();
    since = performance.now();
  };
  while (run.progress.batch < batches.count) {
    const rate = rateOf(run.progress, options, batches);
    const step = await stepOrExplain(run, batches, rate, options);
    const updates = run.progress.updates + 1;
    const batch = run.progress.batch + 1;
    const sums = addSums(run.progress.sums, step.sums);
    run.progress = { ...run.progress, batch, updates, sums, penalty: run.progress.penalty + step.penalty };
    if (!method.isDense && settings.shrinkEvery > 0 && updates % settings.shrinkEvery === 0) {
      await run.state.readBack();
      ({ units, alive } = await removeDeadUnits(run, options, WORTHWHILE));
      watch(epoch + 1, alive);
    }
    onBatch?.(progressOf(run.progress, options, batches, speed() * ranks, { units, alive }));
    const isStopped = await anyStopped(signal, options.collective);
    if (isStopped || (batch < batches.count && updates % settings.checkpointEvery === 0)) await saveTimed();
    if (isStopped) {
      throw new InterruptedError(`stopped in epoch ${epoch + 1}${options.store ? '; --resume goes on from here' : ''}`);
    }
  }
  if (!run.progress.ended) await endEpoch(run, options);
  // The scoring may be stopped, too: the epoch before it is not lost then.
  await saveTimed();
  return finishEpoch(run, options, batches);
}

/** What comes after the last update of an epoch, once: the method's event, and dead units that leave. */
async function endEpoch(run: Run, options: RunOptions): Promise<void> {
  const { settings, method } = options;
  const { epoch, updates } = run.progress;
  await run.state.readBack();
  run.state.endEpoch({ epoch, epochs: settings.epochs, updates });
  // Dead units of the last epoch stay for the slim model to be compared with where they leave between epochs only.
  const isBetween = epoch + 1 < settings.epochs;
  if (!method.isDense && (settings.shrinkEvery > 0 || isBetween)) await removeDeadUnits(run, options, 0);
  run.progress = { ...run.progress, ended: true };
}

/** Scores the held-out data, notes what the epoch achieved, and goes to the next one. */
async function finishEpoch(run: Run, options: RunOptions, batches: Batches): Promise<EpochMetrics> {
  const { problem } = options;
  const { sums, penalty, seconds, epoch, updates, history } = run.progress;
  const { units, alive } = run.state.units();
  const { groups } = run.state;
  const densities = run.state.densities();
  const isUnderway = !run.state.isReached(updates);
  const last = { ...run.progress, batch: batches.count - 1, updates: updates - 1 };
  const learningRate = rateOf(last, options, batches);
  const valid = problem.splits.includes('valid') ? await validate(run, options, last, learningRate) : undefined;
  const metrics: EpochMetrics = {
    epoch: epoch + 1,
    learningRate,
    train: { ...scoresOf(problem.scores, sums) },
    ...(valid && { valid: { ...valid } }),
    ...(isUnderway && { isUnderway }),
    units,
    alive,
    parameters: run.state.countParameters(),
    penalty: penalty / batches.count,
    seconds,
    itemsPerSecond: (batches.items * options.collective.ranks) / seconds,
    ...(groups && { groupNorms: normsByLayer(groups, run.state.lookup()) }),
    ...(densities && { densities }),
  };
  run.progress = { ...run.progress, epoch: epoch + 1, ...epochStart, history: [...history, metrics] };
  const { epochs } = options.settings;
  run.state.optimizer.afterEpoch?.(lastScore(metrics, problem.scores), (epoch + 1) / epochs, epochs - epoch - 1);
  return metrics;
}

/** The deciding score of each epoch, in a form of which less is better; empty without held-out data. */
export function decidingScores(history: readonly EpochMetrics[], scores: readonly ScoreKind[]): number[] {
  const [deciding] = scores;
  return history.flatMap(({ valid }) => {
    const value = deciding && valid?.[deciding.name];
    return value === undefined ? [] : [deciding!.better === 'lower' ? value : -value];
  });
}

/** The epochs that a run may end with: those whose model was what the method had been asked for. */
function candidates(history: readonly EpochMetrics[]): EpochMetrics[] {
  return history.filter(({ isUnderway }) => !isUnderway);
}

/** The score of an epoch that a run may end with, as `decidingScores` has it. */
function lastScore(metrics: EpochMetrics, scores: readonly ScoreKind[]): number | undefined {
  return decidingScores(candidates([metrics]), scores)[0];
}

/**
 * The first epoch (from 1) that scored best on the held-out data, of those that a run may end with; undefined without such
 * data, and without such epochs.
 */
export function bestEpoch(history: readonly EpochMetrics[], scores: readonly ScoreKind[]): number | undefined {
  const found = candidates(history);
  const values = decidingScores(found, scores);
  return found[values.indexOf(Math.min(...values))]?.epoch;
}

/** Whether the last `patience` epochs that a run may end with had no better score than one before them. */
export function isOutOfPatience(
  history: readonly EpochMetrics[],
  scores: readonly ScoreKind[],
  patience: number | undefined,
): boolean {
  if (patience === undefined) return false;
  const values = decidingScores(candidates(history), scores);
  return values.length > patience && values.indexOf(Math.min(...values)) < values.length - patience;
}

/** The learning rate of the next update. */
function rateOf(progress: Progress, { schedule, problem }: TrainOptions, batches: Batches): number {
  const { epoch, batch, updates, history } = progress;
  const scores = decidingScores(candidates(history), problem.scores);
  return schedule.rate({ epoch, share: batch / batches.count, update: updates, history: scores });
}

function progressOf(
  { epoch, batch, sums }: Progress,
  { settings: { epochs }, problem, collective }: RunOptions,
  batches: Batches,
  itemsPerSecond: number,
  units: Pick<BatchProgress, 'units' | 'alive'>,
): BatchProgress {
  const deciding = problem.scores[0]!;
  const left = (epochs - epoch) * batches.count - batch;
  return {
    epoch: epoch + 1,
    epochs,
    batch,
    batches: batches.count,
    score: { name: deciding.name, value: deciding.of(sums) },
    itemsPerSecond,
    secondsLeft: (left * collective.ranks * (batches.items / batches.count)) / itemsPerSecond,
    ...units,
  };
}

/** Counts the units alive and slices the dead ones away where a layer lost at least the share `worthwhile` of its units. */
async function removeDeadUnits(run: Run, options: RunOptions, worthwhile: number) {
  const { units, alive, live } = run.state.units();
  const dead = units.map((n, i) => n - Math.max(alive[i]!, 1));
  const isWorthwhile = dead.some((n, i) => n > 0 && n >= worthwhile * units[i]!);
  if (!options.settings.shrink || !isWorthwhile) return { units, alive };
  const { groups } = run.state;
  const samples = options.verifiesShrinks ? options.problem.samples(run.state.snapshot().model) : undefined;
  const { state, removed } = await shrinkState(run.state, live, options, samples);
  run.state = state;
  const { kept } = run.progress;
  run.progress = { ...run.progress, kept: kept && groups && unitsThatStay(groups, removed, kept) };
  const after = state.units();
  options.onShrink?.(units, after.units);
  return after;
}

/** Scores on the held-out data; throws TrainingDivergedError when they show that training diverged. */
async function validate(run: Run, options: TrainOptions, last: Progress, rate: number): Promise<ScoreValues> {
  const { problem, signal } = options;
  const sums = await run.state.score(signal);
  const values = scoresOf(problem.scores, sums);
  if (sums.totals.loss![0]! / sums.count <= problem.hopeless) return values;
  const { name } = problem.scores[0]!;
  const what = `training diverged: the validation ${name} is ${values[name]!.toPrecision(3)}`;
  throw explained(what, last, rate, options, TOO_LARGE);
}

async function stepOrExplain(run: Run, batches: Batches, rate: number, options: TrainOptions): Promise<StepResult> {
  const { progress, state } = run;
  const { hopeless, items } = options.problem;
  try {
    const result = await state.step(batches, progress.batch, { rate, update: progress.updates });
    if (result.loss <= hopeless) return result;
    throw new DivergedError(`training diverged: the loss is ${result.loss.toFixed(1)} for each of the ${items}`);
  } catch (error) {
    const advice = progress.updates === 0 ? NOT_YET_MOVED : TOO_LARGE;
    throw error instanceof DivergedError ? explained(error.message, progress, rate, options, advice) : error;
  }
}

const TOO_LARGE = 'Likely the steps are too large: lower --learning-rate or --clip.';
/** Stored weights are finite numbers, as are inputs from arrays. */
const NOT_YET_MOVED =
  'No weight has changed yet: the model itself gives this on the first batch, as by a division by 0 (a mean over a ' +
  'length of 0), a logarithm of 0, or inputs that are too large.';

/** A divergence with its place, its likely cause and what is left. */
function explained(
  what: string,
  at: Progress,
  rate: number,
  { store }: TrainOptions,
  advice: string,
): TrainingDivergedError {
  const checkpoint = store?.place();
  return new TrainingDivergedError(
    `${what}, in epoch ${at.epoch + 1} at update ${at.updates + 1} (learning rate ${rate})`,
    at.epoch + 1,
    advice + (checkpoint === undefined ? '' : ` The last checkpoint, from before, is kept in ${checkpoint}.`),
  );
}

/** Items per second over the last updates: slow starts and pauses for scoring fade out. */
function movingSpeed({ items, count }: Batches): () => number {
  const times: number[] = [performance.now()];
  return () => {
    times.push(performance.now());
    if (times.length > 51) times.shift();
    return ((times.length - 1) * (items / count) * 1e3) / (times[times.length - 1]! - times[0]!);
  };
}
