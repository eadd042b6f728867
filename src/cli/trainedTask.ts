import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { Settings } from '../base/fields.ts';
import { readSettings, savedSettings } from '../config/readSettings.ts';
import { flattened } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import { loadModel } from '../onnx/file.ts';
import { readConfig, runFiles } from '../runs/runDirectory.ts';
import { isSweepDirectory } from '../sweep/planFile.ts';
import { languageModelTask } from '../tasks/language-model/task.ts';
import { taskNamed } from '../tasks/registry.ts';
import type { LoadedTask, Sources, Task } from '../tasks/task.ts';

/** A trained model, how it was trained, and its task with its data. */
export interface TrainedTask {
  /** Path of the model. */
  readonly file: string;
  readonly config: RunConfig;
  readonly task: LoadedTask;
}

/** A trained model's file with the settings and sources of its training. */
export interface TrainedFile {
  readonly file: string;
  readonly settings: Settings;
  readonly sources: Sources;
}

/** What the user says in place of what the run has. */
export interface TrainedFlags {
  readonly data?: string | undefined;
  readonly valid?: string | undefined;
  readonly batch?: number | undefined;
  readonly steps?: number | undefined;
}

/** Loads the task that `path` was trained on. Throws a UsageError where the data are not those of the model. */
export async function loadTrained(path: string, trained: TrainedFile, flags: TrainedFlags): Promise<TrainedTask> {
  const { file, settings, sources } = trained;
  const { task: kind = languageModelTask.name } = flattened(settings);
  const task = taskNamed(String(kind)) ?? languageModelTask;
  const { batch, steps } = flags;
  const said = { ...(batch && { batch }), ...(steps && { steps }) };
  try {
    const config = readSettings(`configuration of ${path}`, said, await ofModel(task, file, settings));
    const from = { ...sources, data: flags.data ?? sources.data, valid: flags.valid ?? sources.valid, init: file };
    return { file, config, task: await task.load(config, from) };
  } catch (error) {
    throw asArgument(error);
  }
}

/** Tasks speak of the model as that of `--init`; here it is the argument. */
function asArgument(error: unknown): unknown {
  if (!(error instanceof UsageError)) return error;
  return new UsageError(error.message.replace(/^--init /, ''), { cause: error });
}

/** Settings with the sizes that a model has by now; of a larger text it takes the words that it knows. */
async function ofModel(task: Task, file: string, settings: Settings): Promise<Settings> {
  if (task.settingsOf === undefined) return settings;
  const sizes = await task.settingsOf(file);
  const { graph } = await loadModel(file);
  return { vocabulary: graph.initializers.get('embedding')?.dims[0], ...settings, ...sizes };
}

/** The trained model of a run directory. Throws a UsageError for a sweep, and for a run that is not finished. */
export async function trainedModelOf(path: string): Promise<TrainedFile> {
  if (isSweepDirectory(path)) throw new UsageError(`${path} is a sweep: name the folder of one of its runs`);
  const file = join(path, runFiles.model);
  const content = await readConfig(path);
  if (content.format === undefined && 'loss' in content) {
    throw new UsageError(
      `${path} was tuned by version 0.1 of slimrnn, which wrote other settings: tune the model again`,
    );
  }
  const { settings, sources } = savedSettings(content, join(path, runFiles.config));
  if (!existsSync(file)) throw new UsageError(`${path} has no ${runFiles.model} yet: finish the run first`);
  return { file, settings, sources };
}
