import { median } from '../bench/statistics.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { LoadedTask } from '../tasks/task.ts';
import { InterruptedError } from '../train/errors.ts';
import { train } from '../train/trainer.ts';

/** Updates that a stage is trained for when nobody says: enough for Adam to settle behind a cut (docs/compress.md). */
const UPDATES = 3000;
/** Share of these that stages before the last one have. */
const SHORT = 1 / 3;
const MOST_EPOCHS = 200;
/** Updates that are timed, after one that compiles. */
const TIMED = 8;
/** Share of a budget of time that goes to training: the rest is for cutting, scoring and timing models. */
const TRAINING = 0.8;
/** What trials of one setting take, as a share of a long stage. */
const TRIALS = 0.2;

/** Epochs of a short stage, and of a long one. */
export type StageEpochs = readonly [short: number, long: number];

/** Epochs that suit the number of updates in each. */
export function usualEpochs({ problem }: LoadedTask, { seed }: RunConfig): StageEpochs {
  const { count } = problem.batches('train', { epoch: 0, seed, rank: 0, ranks: 1 });
  const epochs = (updates: number) => Math.min(MOST_EPOCHS, Math.max(1, Math.ceil(updates / count)));
  return [epochs(UPDATES * SHORT), epochs(UPDATES)];
}

/** Long stages, for epochs that are said. */
export function epochsFor(long: number): StageEpochs {
  return [Math.max(1, Math.round(long * SHORT)), long];
}

/** As many epochs as fit into a budget of seconds for so many stages and settings that trials look for, one at least. */
export function epochsWithin(seconds: number, epochSeconds: number, stages: number, tried: number): StageEpochs {
  const long = (TRAINING * seconds) / epochSeconds / (1 + SHORT * (stages - 1) + TRIALS * tried);
  return epochsFor(Math.min(MOST_EPOCHS, Math.max(1, Math.floor(long))));
}

/** Seconds that an epoch takes, from a few updates that leave nothing behind. */
export async function secondsPerEpoch(task: LoadedTask, config: RunConfig, runtime: Runtime): Promise<number> {
  const stop = new AbortController();
  const times: number[] = [];
  let batches = 1;
  try {
    await train({
      ...{ ...trainParts(config), ...taskParts(task), runtime, signal: stop.signal },
      onBatch(progress) {
        ({ batches } = progress);
        times.push(performance.now());
        if (times.length > TIMED) stop.abort();
      },
      untilEpoch: 1,
    });
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
  }
  const each = times.slice(1).map((time, i) => time - times[i]!);
  return each.length === 0 ? 1 : (median(each) / 1000) * batches;
}
