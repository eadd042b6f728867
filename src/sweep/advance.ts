import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { acquireLock } from '../base/lock.ts';
import { loadModel } from '../onnx/file.ts';
import type { EpochMetrics } from '../runs/checkpoint.ts';
import { type RunResult, trainInDirectory, trainToEnd } from '../runs/run.ts';
import { clearTemporaries, configText, readJson, runFiles } from '../runs/runDirectory.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { TrainingDivergedError, type TrainOptions, type WindowProgress } from '../train/trainer.ts';
import { loadPlanned, type SweepPlan } from './plan.ts';
import { addFailure, addRung, standingOf } from './runRecord.ts';

/** A stretch of one run. */
export interface Stretch {
  readonly plan: SweepPlan;
  /** Index of the run in the plan. */
  readonly run: number;
  /** Directory of the sweep; the run has the folder of its name in it. */
  readonly directory: string;
  /** Epoch to train to. */
  readonly until: number;
  readonly runtime: Runtime;
  readonly onWindow?: ((p: WindowProgress) => void) | undefined;
  readonly onEpoch?: ((m: EpochMetrics) => void) | undefined;
  /** Aborting writes a checkpoint and throws InterruptedError. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains one run of a sweep from wherever it is up to an epoch, and to its result when that is the last one. What was
 * reached, or that the run diverged, stands in its record afterwards. Throws LockedError when another process has the
 * run.
 */
export async function advance({ plan, run: index, directory: sweep, until, ...rest }: Stretch): Promise<void> {
  const run = plan.runs[index]!;
  const { config } = run;
  const directory = join(sweep, run.name);
  await mkdir(directory, { recursive: true });
  const lock = await acquireLock(directory);
  try {
    await clearTemporaries(directory);
    const { corpus, model } = await loadPlanned(plan, run);
    if (!existsSync(join(directory, runFiles.config))) {
      const content = configText(config, plan.data ?? undefined, plan.init?.path);
      await writeAtomically(join(directory, runFiles.config), content);
    }
    const options = { config, corpus, model, directory, resume: true, ...rest };
    const standing = until < config.epochs ? await toRung(options, until) : await toResult(options);
    await addRung(directory, standing);
  } catch (error) {
    if (!(error instanceof TrainingDivergedError)) throw error;
    await addFailure(directory, { kind: 'diverged', epochs: error.epoch - 1, reason: error.reason });
  } finally {
    lock.release();
  }
}

/** What a run in a directory needs. */
type DirectoryOptions = Omit<TrainOptions, 'store'> & { readonly directory: string };

/** Trains up to a rung and leaves the run standing there. */
async function toRung(options: DirectoryOptions, until: number) {
  const { model, history } = await trainInDirectory({ ...options, untilEpoch: until });
  const last = history.at(-1);
  if (last?.epoch !== until) {
    throw new UsageError(
      `${options.directory} has ${last?.epoch ?? 0} epochs already and should stand after ${until}: it was trained further by ` +
        'another command; delete the folder, and --resume trains the run anew',
    );
  }
  return standingOf(model, options.config, until, last.validPerplexity);
}

/** Trains to the end and scores, unless that is done. */
async function toResult(options: DirectoryOptions) {
  const { directory, config } = options;
  if (!existsSync(join(directory, runFiles.result))) await trainToEnd(options);
  const { models } = (await readJson(join(directory, runFiles.result))) as RunResult;
  const last = models.at(-1)!;
  return standingOf(await loadModel(join(directory, last.file)), config, config.epochs, last.validPerplexity);
}
