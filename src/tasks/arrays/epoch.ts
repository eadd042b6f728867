import { join } from 'node:path';
import { SlimError } from '../../base/errors.ts';
import { saveMetrics } from '../../runs/metricsFile.ts';
import { runFiles } from '../../runs/runDirectory.ts';
import { InterruptedError } from '../../train/interrupted.ts';
import { stopwatch } from '../../train/stopwatch.ts';
import { DivergedError } from '../../train/update.ts';
import { shuffled } from './batches.ts';
import { type FinetuneMetrics, type FinetuneProgress, freshProgress, saveFinetuned } from './progress.ts';
import { batchSize } from './stepper.ts';
import {
  aliveIn,
  type FinetuneTrainee,
  normHistogramsIn,
  shrinkFinetuned,
  stateOf,
  type TraineeContext,
} from './trainee.ts';

/** Where a run is, for a progress display. */
export interface BatchProgress {
  /** Current epoch from 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Batches of this epoch that are done, of `batches`. */
  readonly batch: number;
  readonly batches: number;
  /** Mean training loss of this epoch so far. */
  readonly loss: number;
  /** Units of each layer, and those that something read when the epoch began. */
  readonly units: readonly number[];
  readonly alive: readonly number[];
}

/** What an epoch tells, and how it is stopped. */
export interface EpochOptions {
  /** Run directory for metrics and checkpoints; without it nothing is written. */
  readonly directory?: string | undefined;
  readonly onBatch?: ((p: BatchProgress) => void) | undefined;
  readonly onShrink?: ((from: readonly number[], to: readonly number[]) => void) | undefined;
  /** Aborting writes a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/** Cross entropy of a place in nats from which no training comes back. */
const HOPELESS = 1000;

/** A run as it goes on: the model in training is replaced when it shrinks, the place in the run with every update. */
export interface Run {
  trainee: FinetuneTrainee;
  progress: FinetuneProgress;
}

/** Writes checkpoint and metrics, where there is a directory. */
export async function saveRun(run: Run, directory: string | undefined): Promise<void> {
  if (directory === undefined) return;
  await saveFinetuned(join(directory, runFiles.checkpoint), stateOf(run.trainee), run.progress);
  await saveMetrics(directory, run.progress.history);
}

/** Weights that are trained. */
export function countParameters({ stepper }: FinetuneTrainee): number {
  let count = 0;
  for (const tensor of stepper.weights().values()) count += tensor.data.length;
  return count;
}

/** One epoch, from wherever it stopped. The last batch is trained on as it is, filled up with examples that do not count. */
export async function trainEpoch(run: Run, context: TraineeContext, options: EpochOptions): Promise<FinetuneMetrics> {
  const { config, train } = context;
  const { onBatch, onShrink, signal } = options;
  const { count } = train.examples;
  const size = batchSize(train.examples, config.batch);
  const batches = Math.ceil(count / size);
  const epoch = run.progress.epoch;
  const order = shuffled(count, config.seed, epoch);
  const rate = config.learningRate * config.decay ** epoch;
  const knowsRight = train.scored.classes !== undefined || config.loss === 'bce';
  const hopeless = knowsRight ? HOPELESS : Number.POSITIVE_INFINITY;
  const clock = stopwatch();
  let { units, alive, live } = aliveIn(run.trainee);
  while (run.progress.batch < batches) {
    const at = run.progress.batch * size;
    const result = await stepOrExplain(run, order.subarray(at, at + size), rate, hopeless);
    const { progress } = run;
    run.progress = {
      ...progress,
      batch: progress.batch + 1,
      updates: progress.updates + 1,
      loss: progress.loss + result.loss * result.count,
      right: progress.right + (result.accuracy ?? 0) * result.count,
      count: progress.count + result.count,
      penalty: progress.penalty + result.penalty,
    };
    const { batch, loss, count: counted } = run.progress;
    onBatch?.({
      epoch: epoch + 1,
      epochs: config.epochs,
      batch,
      batches,
      loss: loss / Math.max(counted, 1),
      units,
      alive,
    });
    if (signal?.aborted) {
      run.progress = clock.addTo(run.progress);
      await saveRun(run, options.directory);
      const goesOn = options.directory === undefined ? '' : '; --resume goes on from here';
      throw new InterruptedError(`stopped in epoch ${epoch + 1}${goesOn}`);
    }
  }
  ({ units, alive, live } = aliveIn(run.trainee));
  // The last epoch leaves its dead units in the model, for the slim one to be compared with.
  const removable = units.some((n, i) => Math.max(alive[i]!, 1) < n);
  if (config.shrink && removable && epoch + 1 < config.epochs) {
    run.trainee = await shrinkFinetuned(run.trainee, live, context);
    const from = units;
    ({ units, alive } = aliveIn(run.trainee));
    onShrink?.(from, units);
  }
  run.progress = clock.addTo(run.progress);
  const { loss, right, count: counted, penalty, seconds, history } = run.progress;
  const valid = await run.trainee.valid?.score();
  const metrics: FinetuneMetrics = {
    epoch: epoch + 1,
    learningRate: rate,
    trainLoss: loss / Math.max(counted, 1),
    ...(knowsRight && { trainAccuracy: right / Math.max(counted, 1) }),
    ...(valid && { validLoss: valid.loss }),
    ...(valid?.accuracy !== undefined && { validAccuracy: valid.accuracy }),
    units,
    alive,
    parameters: countParameters(run.trainee),
    penalty: penalty / batches,
    seconds,
    examplesPerSecond: count / seconds,
    ...(run.trainee.groups && { groupNorms: normHistogramsIn(run.trainee.groups, run.trainee) }),
  };
  const { digest, updates } = run.progress;
  run.progress = { ...freshProgress(digest), epoch: epoch + 1, updates, history: [...history, metrics] };
  return metrics;
}

async function stepOrExplain({ trainee, progress }: Run, examples: Uint32Array, rate: number, hopeless: number) {
  try {
    const result = await trainee.stepper.step(examples, rate, progress.updates);
    if (result.loss > hopeless) throw new DivergedError(result.loss, result.gradientNorm);
    return result;
  } catch (error) {
    if (!(error instanceof DivergedError)) throw error;
    throw new SlimError(
      `${error.message}, in epoch ${progress.epoch + 1} at update ${progress.updates + 1} (learning rate ${rate}). ` +
        'Likely the steps are too large: lower --learning-rate or set --clip.',
    );
  }
}
