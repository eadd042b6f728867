import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { environment } from '../base/environment.ts';
import { UsageError } from '../base/errors.ts';
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
import { loadModelFiles, saveModel } from '../onnx/file.ts';
import { scoreKinds } from '../tasks/score.ts';
import type { LoadedTask, Sources } from '../tasks/task.ts';
import { throwIfStopped } from '../train/errors.ts';
import { finishModels } from '../train/finish.ts';
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
import { runDigest, train } from '../train/trainer.ts';
import { fileStore } from './checkpoint.ts';
import { chosenModel, keepModels } from './keptModels.ts';
import { liveFile } from './live.ts';
import { isModel, modelDigest, pathsIn, placesOf, placesSchema } from './places.ts';
import { sharedProblem } from './ranks.ts';
import { type ResultModel, RUN_FORMAT } from './record.ts';
import { type RunResult, readResult } from './result.ts';
import {
  checkNewRunDirectory,
  createRunDirectory,
  openRunDirectory,
  readConfig,
  requireSameConfig,
  runFiles,
  writeJson,
} from './runDirectory.ts';

/** A run into a directory. */
export interface RunOptions
  extends EpochListeners,
    Pick<TrainOptions, 'runtime' | 'resume' | 'onEpoch' | 'collective'> {
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
    const finished = resume ? await finishedRun(directory, config, sources, task) : undefined;
    if (finished) {
      options.onStage?.(`${directory} is finished already`);
      return finished;
    }
    return await trainToEnd({
      ...options,
      async onReady(start) {
        if (resume) await keepPlaces(directory, sources, config);
        else {
          held.lock = await createRunDirectory(directory);
          await saveConfig(directory, config, task, sources);
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
  const { data = null, valid = null, test = null, init = null, teacher } = sources;
  const named = { data, valid, test, init, ...(teacher !== undefined && { teacher }) };
  return { format: RUN_FORMAT, ...config, sources: named, items, scores: scoreKinds(scores) };
}

/** Writes config.json of a run. */
export async function saveConfig(
  directory: string,
  config: RunConfig,
  task: LoadedTask,
  sources: Sources,
): Promise<void> {
  const places = await placesOf({ ...sources, ...pathsIn(config.task) }, directory);
  await writeJson(join(directory, runFiles.config), { ...savedConfig(config, task, sources), places });
}

/** Notes in config.json where the sources and other paths of a resumed run are now. */
async function keepPlaces(directory: string, sources: Sources, { task }: RunConfig): Promise<void> {
  const content = await readConfig(directory);
  const known = placesSchema.safeParse(content.places).data ?? {};
  const given = Object.entries(sources).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const all = { ...Object.fromEntries(given), ...pathsIn(task) };
  if (Object.entries(all).every(([name, path]) => known[name]?.absolute === resolve(path))) return;
  const places = await placesOf(all, directory);
  const before = typeof content.sources === 'object' ? content.sources : {};
  const now = { ...content, task, sources: { ...before, ...Object.fromEntries(given) }, places };
  await writeJson(join(directory, runFiles.config), now);
}

/**
 * The result of a resumed run that is finished; throws UsageError where configuration or sources are others. Other paths
 * are taken where the checkpoint shows that they hold the same, which takes the task with its data; undefined without.
 */
export async function finishedRun(
  directory: string,
  config: RunConfig,
  sources: Sources,
  task?: LoadedTask,
): Promise<RunResult | undefined> {
  const moved = await requireSameConfig(directory, { ...settingsOf(config), ...sources });
  if (moved.length > 0) {
    if (task === undefined) return undefined;
    await requireSameContent(directory, sources, moved, runDigest({ ...trainParts(config), problem: task.problem }));
  }
  const file = join(directory, runFiles.result);
  return existsSync(file) ? readResult(directory) : undefined;
}

/** Throws UsageError unless sources that lie elsewhere now hold what a run's checkpoint was made from. */
async function requireSameContent(
  directory: string,
  sources: Sources,
  moved: readonly string[],
  digest: string,
): Promise<void> {
  const { places } = await readConfig(directory);
  const known = placesSchema.safeParse(places).data ?? {};
  const others: string[] = [];
  for (const name of moved) {
    if (isModel(name) && known[name]?.sha256 !== (await modelDigest(sources[name]!))) others.push(name);
  }
  const isKnown = others.length === 0 && (await fileStore(directory).load(digest)) !== undefined;
  if (isKnown) return;
  const names = (others.length > 0 ? others : moved).map((name) => `--${name}`).join(' and ');
  const why = others.length > 0 ? 'it is another model' : 'it has no checkpoint yet that could be compared';
  throw new UsageError(
    `${directory} was started with another ${names}, and ${why}; --resume needs the same, or start anew with another --out`,
  );
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
  const score = async (name: string, model: Model, file: string, bytes: number) => {
    const figures = await figuresOf(model, options);
    models.push({ name, file, bytes, ...figures });
    return figures.scores;
  };
  const trained = await trainInDirectory({
    ...options,
    async onReady(start) {
      const { init } = options.sources ?? {};
      const isShown = task.isImported && init !== undefined;
      const before = isShown
        ? await score('original', first, runFiles.original, (await loadModelFiles(init)).bytes)
        : undefined;
      await options.onReady?.({ ...start, before });
    },
  });
  const stage = (text: string) => {
    throwIfStopped(options.signal, 'stopped after training; --resume goes on from here');
    options.onStage?.(text);
  };
  for (const [name, text] of Object.entries(task.files)) await writeAtomically(join(directory, name), text);
  if (!parts.method.isDense) stage('verifying that the slim model computes the same');
  const finished = await finishModels(await chosenModel(directory, config, problem.scores, trained), {
    ...parts,
    problem,
    runtime,
  });
  requireHeld(directory);
  // A copy, so that reports compare with it wherever the run and the file that it came from go.
  if (task.isImported) await saveModel(join(directory, runFiles.original), first);
  const bytes = await saveModel(join(directory, runFiles.model), finished.model);
  stage('scoring the trained model');
  await score('trained', finished.model, runFiles.model, bytes);
  if (finished.slim) {
    const slimFile = join(directory, runFiles.slim);
    const slimBytes = await saveModel(slimFile, finished.slim.model);
    // A model that has shrunk while it was trained may have nothing left to cut.
    if ((await modelDigest(slimFile)) === (await modelDigest(join(directory, runFiles.model)))) {
      models.push({ ...models.at(-1)!, name: 'slim', file: runFiles.slim });
    } else {
      stage('scoring the slim model');
      await score('slim', finished.slim.model, runFiles.slim, slimBytes);
    }
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
    environment: environment(options.collective?.ranks),
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
      problem: sharedProblem(task, config, options.collective),
      store: fileStore(directory),
      onBatch,
      onEpochModel: (model, at) => keepModels(directory, config, model, at),
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
