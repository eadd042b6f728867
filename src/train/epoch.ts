import { normsByLayer } from '../groups/logHistogram.ts';
import { type ScoreValues, scoresOf } from '../tasks/score.ts';
import type { Batches } from '../tasks/task.ts';
import { TrainingDivergedError } from './diverged.ts';
import { InterruptedError } from './interrupted.ts';
import type { EpochMetrics } from './metrics.ts';
import type { BatchProgress, TrainOptions } from './options.ts';
import { epochStart } from './progress.ts';
import { decidingScores, type Run } from './run.ts';
import { shrinkState, unitsThatStay } from './shrinkState.ts';
import { stopwatch } from './stopwatch.ts';
import type { StepResult, TrainSetup } from './trainState.ts';
import { DivergedError } from './update.ts';

/** Smallest share of a layer's units that must have died before the graph is rebuilt in the middle of an epoch. */
const WORTHWHILE = 0.03;

/** One epoch, from wherever it stopped; `save` is called for checkpoints in between. Returns what it achieved. */
export async function trainEpoch(
  run: Run,
  options: TrainOptions,
  setup: TrainSetup,
  save: () => Promise<void>,
): Promise<EpochMetrics> {
  const { settings, problem, signal, onBatch } = options;
  const { epoch } = run.progress;
  const { rank, ranks } = setup.collective;
  const batches = problem.batches('train', { epoch, seed: settings.seed, rank, ranks });
  if (run.progress.batch === 0) run.state.resetStates();
  let { units, alive } = run.state.units();
  const speed = movingSpeed(batches);
  const clock = stopwatch();
  while (run.progress.batch < batches.count) {
    const rate = rateOf(run, options, batches);
    const result = await stepOrExplain(run, batches, rate, options);
    run.progress = afterUpdate(run, result);
    const { updates, batch } = run.progress;
    if (!options.method.isDense && settings.shrinkEvery > 0 && updates % settings.shrinkEvery === 0) {
      ({ units, alive } = await removeDeadUnits(run, options, setup, WORTHWHILE));
    }
    onBatch?.(progressOf(run, options, batches, speed(), { units, alive }));
    if (signal?.aborted || (batch < batches.count && updates % settings.checkpointEvery === 0)) {
      run.progress = clock.addTo(run.progress);
      await save();
      clock.restart();
      if (signal?.aborted)
        throw new InterruptedError(
          `stopped in epoch ${epoch + 1}${options.store ? '; --resume goes on from here' : ''}`,
        );
    }
  }
  if (!run.progress.ended) await endEpoch(run, options, setup);
  run.progress = clock.addTo(run.progress);
  // The scoring may be stopped, too: the epoch before it is not lost then.
  await save();
  return finishEpoch(run, options, batches);
}

/** What comes after the last update of an epoch, once: the method's event, and dead units that leave. */
async function endEpoch(run: Run, options: TrainOptions, setup: TrainSetup): Promise<void> {
  const { settings, method } = options;
  const { epoch, updates } = run.progress;
  run.state.endEpoch({ epoch, epochs: settings.epochs, updates });
  // Dead units of the last epoch stay for the slim model to be compared with where they leave between epochs only.
  const isBetween = epoch + 1 < settings.epochs;
  if (!method.isDense && (settings.shrinkEvery > 0 || isBetween)) await removeDeadUnits(run, options, setup, 0);
  run.progress = { ...run.progress, ended: true };
}

/** Scores the held-out data, notes what the epoch achieved, and goes to the next one. */
async function finishEpoch(run: Run, options: TrainOptions, batches: Batches): Promise<EpochMetrics> {
  const { problem } = options;
  const { sums, penalty, seconds, epoch, history } = run.progress;
  const { units, alive } = run.state.units();
  const { groups } = run.state;
  const valid = problem.splits.includes('valid') ? await validate(run, options) : undefined;
  const metrics: EpochMetrics = {
    epoch: epoch + 1,
    learningRate: lastRate(run, options, batches),
    train: { ...scoresOf(problem.scores, sums) },
    ...(valid && { valid: { ...valid } }),
    units,
    alive,
    parameters: run.state.countParameters(),
    penalty: penalty / batches.count,
    seconds,
    itemsPerSecond: (batches.items * (options.collective?.ranks ?? 1)) / seconds,
    ...(groups && { groupNorms: normsByLayer(groups, run.state.lookup()) }),
  };
  const all = [...history, metrics];
  run.progress = { ...run.progress, epoch: epoch + 1, ...epochStart, history: all };
  run.state.optimizer.afterEpoch?.(valid && decidingScores([metrics], problem.scores)[0]);
  return metrics;
}

/** The learning rate of the next update. */
function rateOf({ progress }: Run, { schedule, problem }: TrainOptions, batches: Batches): number {
  const { epoch, batch, updates, history } = progress;
  return schedule.rate({
    epoch,
    share: batch / batches.count,
    update: updates,
    history: decidingScores(history, problem.scores),
  });
}

/** The learning rate of an epoch's last update. */
function lastRate(run: Run, options: TrainOptions, batches: Batches): number {
  const { progress } = run;
  return rateOf(
    { ...run, progress: { ...progress, batch: batches.count - 1, updates: progress.updates - 1 } },
    options,
    batches,
  );
}

function afterUpdate({ progress }: Run, { sums, penalty }: StepResult): Run['progress'] {
  const totals = Object.fromEntries(
    Object.entries(sums.totals).map(([name, values]) => {
      const before = progress.sums.totals[name];
      return [name, Array.from(values, (value, i) => (before?.[i] ?? 0) + value)];
    }),
  );
  return {
    ...progress,
    batch: progress.batch + 1,
    updates: progress.updates + 1,
    sums: { count: progress.sums.count + sums.count, totals: { ...progress.sums.totals, ...totals } },
    penalty: progress.penalty + penalty,
  };
}

function progressOf(
  { progress }: Run,
  { settings: { epochs }, problem }: TrainOptions,
  batches: Batches,
  itemsPerSecond: number,
  units: Pick<BatchProgress, 'units' | 'alive'>,
): BatchProgress {
  const { epoch, batch, sums } = progress;
  const [deciding] = problem.scores;
  const left = (epochs - epoch) * batches.count - batch;
  const perBatch = batches.items / batches.count;
  return {
    epoch: epoch + 1,
    epochs,
    batch,
    batches: batches.count,
    score: { name: deciding!.name, value: deciding!.of(sums) },
    itemsPerSecond,
    secondsLeft: (left * perBatch) / itemsPerSecond,
    ...units,
  };
}

/**
 * Counts the units alive and, where a layer lost at least the share `worthwhile` of its units, slices the dead ones
 * away.
 */
async function removeDeadUnits(run: Run, options: TrainOptions, setup: TrainSetup, worthwhile: number) {
  const { units, alive, live } = run.state.units();
  const dead = units.map((n, i) => n - Math.max(alive[i]!, 1));
  const isWorthwhile = dead.some((n, i) => n > 0 && n >= worthwhile * units[i]!);
  if (!options.settings.shrink || !isWorthwhile) return { units, alive };
  const { groups } = run.state;
  const samples = options.verifiesShrinks ? options.problem.samples(run.state.snapshot().model) : undefined;
  const { state, removed } = await shrinkState(run.state, live, setup, samples);
  run.state = state;
  const { kept } = run.progress;
  run.progress = { ...run.progress, kept: kept && groups && unitsThatStay(groups, removed, kept) };
  const after = state.units();
  options.onShrink?.(units, after.units);
  return after;
}

/** Scores on the held-out data; throws TrainingDivergedError when they show that training diverged. */
async function validate(run: Run, options: TrainOptions): Promise<ScoreValues> {
  const { problem, signal } = options;
  const sums = await run.state.score(signal);
  const meanLoss = sums.totals.loss![0]! / sums.count;
  const values = scoresOf(problem.scores, sums);
  if (meanLoss <= problem.hopeless) return values;
  const [deciding] = problem.scores;
  const what = `training diverged: the validation ${deciding!.name} is ${values[deciding!.name]!.toPrecision(3)}`;
  throw explained(what, { ...run.progress, updates: run.progress.updates - 1 }, lastRateOf(run), options);
}

function lastRateOf({ progress }: Run): number {
  return progress.history.at(-1)?.learningRate ?? Number.NaN;
}

async function stepOrExplain(run: Run, batches: Batches, rate: number, options: TrainOptions): Promise<StepResult> {
  const { progress, state } = run;
  try {
    const result = await state.step(batches, progress.batch, { rate, update: progress.updates });
    if (result.loss <= options.problem.hopeless) return result;
    const what = `training diverged: the loss is ${result.loss.toFixed(1)} for ${ofItem(options)}`;
    throw explained(what, progress, rate, options);
  } catch (error) {
    throw error instanceof DivergedError ? explained(error.message, progress, rate, options) : error;
  }
}

function ofItem({ problem: { items } }: TrainOptions): string {
  return `each of the ${items}`;
}

/** A divergence with its place, its likely cause and what is left. */
function explained(what: string, at: Run['progress'], rate: number, { store }: TrainOptions): TrainingDivergedError {
  const checkpoint = store?.place();
  return new TrainingDivergedError(
    `${what}, in epoch ${at.epoch + 1} at update ${at.updates + 1} (learning rate ${rate})`,
    at.epoch + 1,
    'Likely the steps are too large: lower --learning-rate or --clip.' +
      (checkpoint === undefined ? '' : ` The last checkpoint, from before, is kept in ${checkpoint}.`),
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
