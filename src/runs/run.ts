import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, environment } from '../base/environment.ts';
import type { Settings } from '../base/fields.ts';
import { writeAtomically } from '../base/files.ts';
import { type Lock, requireHeld } from '../base/lock.ts';
import { settingsOf } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import type { Model } from '../graph/types.ts';
import { splitParameters } from '../inspect/costs.ts';
import { describeModel } from '../inspect/describe.ts';
import type { TargetOutcome } from '../methods/kind.ts';
import { methodOf } from '../methods/registry.ts';
import { saveModel } from '../onnx/file.ts';
import { scoreKinds } from '../tasks/score.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { InterruptedError } from '../train/errors.ts';
import { finishModels } from '../train/finish.ts';
import type { EpochMetrics } from '../train/metrics.ts';
import type {
  BatchProgress,
  EpochListeners,
  TrainedModel,
  TrainOptions,
  TrainParts,
  TrainStart,
} from '../train/options.ts';
import { scoreModel } from '../train/scorer.ts';
import { firstModelOf, trainableForm } from '../train/trainableForm.ts';
import { train } from '../train/trainer.ts';
import type { Difference } from '../verify/verify.ts';
import { fileStore } from './checkpoint.ts';
import { liveFile } from './live.ts';
import { type ResultModel, RUN_FORMAT, type RunResultRecord } from './record.ts';
import {
  checkNewRunDirectory,
  createRunDirectory,
  openRunDirectory,
  readJson,
  requireSameConfig,
  runFiles,
  writeJson,
} from './runDirectory.ts';

/** What a run achieved, as result.json holds it. */
export interface RunResult extends RunResultRecord {
  /** What config.json holds. */
  readonly config: Settings;
  readonly verify?: Difference | undefined;
  readonly target?: TargetOutcome | undefined;
  readonly engine: string;
  readonly environment: Environment;
  readonly history: readonly EpochMetrics[];
}

/** A run into a directory. */
export interface RunOptions extends EpochListeners, Pick<TrainOptions, 'runtime' | 'resume' | 'onEpoch'> {
  readonly config: RunConfig;
  /** The task with its data; nothing is written before it has checked them. */
  readonly task: LoadedTask;
  readonly directory: string;
  readonly sources?: Sources | undefined;
  /** Called when the directory is this run's own and model, data and configuration fit together. */
  readonly onReady?: ((start: RunStart) => void) | undefined;
  /** Called with a line about what is going on besides training. */
  readonly onStage?: ((stage: string) => void) | undefined;
}

/** What a run is about to do. */
export interface RunStart extends TrainStart {
  /** Scores of the first model on the held-out data, where somebody else made it. */
  readonly before?: ResultModel['scores'] | undefined;
}

/**
 * A whole run: makes the directory, or with `resume` goes on in it, keeps other processes out, and leaves there what
 * reports, servers and sweeps read; then `trainToEnd`. A run that is finished already is not trained again. Throws
 * UsageError before anything is written when the directory is another run's or model, data and configuration do not fit
 * together, and LockedError when another process has it.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { config, task, directory, resume = false, sources = {} } = options;
  const held: { lock?: Lock } = {};
  try {
    if (resume) {
      held.lock = await openRunDirectory(directory);
      if (held.lock.takenOver) options.onStage?.(held.lock.takenOver);
    } else await checkNewRunDirectory(directory);
    const finished = resume ? await finishedRun(directory, config, sources) : undefined;
    if (finished) return finished;
    return await trainToEnd({
      ...options,
      async onReady(start) {
        if (!resume) {
          held.lock = await createRunDirectory(directory);
          await writeJson(join(directory, runFiles.config), savedConfig(config, task, sources));
        }
        options.onReady?.(start);
      },
    });
  } finally {
    held.lock?.release();
  }
}

/** What config.json of a run holds. */
export function savedConfig(config: RunConfig, { problem }: LoadedTask, sources: Sources): Settings {
  const { items, scores } = problem;
  const { data = null, valid = null, test = null, init = null } = sources;
  return { format: RUN_FORMAT, ...config, sources: { data, valid, test, init }, items, scores: scoreKinds(scores) };
}

/** The result of a resumed run that is finished; throws UsageError where configuration or sources are others. */
export async function finishedRun(
  directory: string,
  config: RunConfig,
  sources: Sources,
): Promise<RunResult | undefined> {
  await requireSameConfig(directory, { ...settingsOf(config), ...sources });
  const file = join(directory, runFiles.result);
  return existsSync(file) ? ((await readJson(file)) as RunResult) : undefined;
}

/** A run whose directory the caller makes and holds. */
export interface DirectoryRunOptions extends Omit<RunOptions, 'onReady'>, Pick<TrainOptions, 'untilEpoch'> {
  /** May make the directory: nothing is written before. */
  readonly onReady?: ((start: RunStart) => void | Promise<void>) | undefined;
}

/**
 * Trains into a run directory that the caller holds and finishes it: final scores, the model as ONNX and, unless dense,
 * the slim model, verified equal to the other before it is written.
 */
export async function trainToEnd(options: DirectoryRunOptions): Promise<RunResult> {
  const { config, task, directory, runtime } = options;
  const { problem, data } = task;
  const parts = trainParts(config);
  const first = task.model();
  const models: ResultModel[] = [];
  const score = async (name: string, model: Model, file: string, path = join(directory, file)) => {
    const figures = await figuresOf(model, options);
    models.push({ name, file, bytes: (await stat(path)).size, ...figures });
    return figures.scores;
  };
  const trained = await trainInDirectory({
    ...options,
    async onReady(start) {
      const { init } = options.sources ?? {};
      const before = task.isImported && init !== undefined ? await score('original', first, init, init) : undefined;
      await options.onReady?.({ ...start, before });
    },
  });
  const stage = (text: string) => {
    if (options.signal?.aborted) throw new InterruptedError('stopped after training; --resume goes on from here');
    options.onStage?.(text);
  };
  for (const [name, text] of Object.entries(task.files)) await writeAtomically(join(directory, name), text);
  if (!parts.method.isDense) stage('verifying that the slim model computes the same');
  const finished = await finishModels(trained, { ...parts, problem, runtime });
  requireHeld(directory);
  await saveModel(join(directory, runFiles.model), finished.model);
  stage('scoring the trained model');
  await score('trained', finished.model, runFiles.model);
  if (finished.slim) {
    await saveModel(join(directory, runFiles.slim), finished.slim.model);
    stage('scoring the slim model');
    await score('slim', finished.slim.model, runFiles.slim);
  }
  const result: RunResult = {
    format: RUN_FORMAT,
    config: savedConfig(config, task, options.sources ?? {}),
    data,
    models,
    verify: finished.slim?.verify,
    target: outcomeOf(config, first, finished.slim?.model ?? finished.model, parts),
    notes: trained.start.notes,
    seconds: trained.history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    engine: runtime.name,
    environment: environment(),
    history: trained.history,
    layers: trained.start.layers,
    kept: finished.kept,
  };
  await writeJson(join(directory, runFiles.result), result);
  return result;
}

/** How near a run came to the size that its method was asked for. */
function outcomeOf({ method }: RunConfig, first: Model, last: Model, parts: TrainParts): TargetOutcome | undefined {
  const modelOf = (m: Model) => firstModelOf(trainableForm(m, parts), parts);
  const [from, to] = [modelOf(first), modelOf(last)];
  return from && to && methodOf(method).outcome?.(method, from, to);
}

/** `train` with checkpoints, metrics and live.json in a run directory. */
export async function trainInDirectory(options: DirectoryRunOptions): Promise<TrainedModel> {
  const { config, task, directory } = options;
  const live = liveFile(directory);
  const onBatch = (p: BatchProgress) => {
    options.onBatch?.(p);
    const { batch, batches, ...rest } = p;
    live.report({ ...rest, share: batch / batches });
  };
  try {
    return await train({
      ...options,
      ...trainParts(config),
      ...taskParts(task),
      store: fileStore(directory),
      onBatch,
    });
  } finally {
    await live.end();
  }
}

/** The figures of a finished model, scored on all held-out data. */
async function figuresOf(model: Model, { config, task, runtime, signal }: DirectoryRunOptions) {
  const { layers, parameters, multiplyAdds } = describeModel(model);
  const { scores, details } = await scoreModel(model, { problem: task.problem, runtime, settings: config, signal });
  return {
    hidden: layers.map((l) => l.units),
    parameters,
    split: splitParameters(model.graph),
    multiplyAdds,
    scores,
    ...(details && { details }),
  };
}
