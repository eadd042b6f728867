import { join } from 'node:path';
import { savedConfig, trainInDirectory } from '../../src/runs/run.ts';
import { createRunDirectory, runFiles, writeJson } from '../../src/runs/runDirectory.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { readTaskFields } from '../../src/tasks/language-model/definition.ts';
import { languageModelTask } from '../../src/tasks/language-model/task.ts';
import { InterruptedError } from '../../src/train/errors.ts';
import { type StepFields, stepConfig } from './trainingStep.ts';

/** A training in this process that goes on until it is stopped. */
export interface BackgroundTraining {
  /** Tokens that it has been through so far. */
  tokens(): number;
  /** Resolves when it has ended and its run directory is free. */
  stop(): Promise<void>;
}

/** Trains a preset, with fields changed, on the embedded corpus into a new run directory, 1000 epochs long. */
export async function trainInBackground(
  directory: string,
  runtime: Runtime,
  preset: string,
  fields: StepFields,
): Promise<BackgroundTraining> {
  const config = stepConfig(preset, { ...fields, epochs: 1000 });
  const task = await languageModelTask.load(config, {});
  const lock = await createRunDirectory(directory);
  await writeJson(join(directory, runFiles.config), savedConfig(config, task, {}));
  const stopping = new AbortController();
  let tokens = 0;
  const training = trainInDirectory({
    ...{ config, task, directory, runtime, signal: stopping.signal },
    onBatch: () => {
      tokens += config.batch * readTaskFields(config.task).steps;
    },
  }).catch((error: unknown) => {
    if (!(error instanceof InterruptedError)) throw error;
  });
  return {
    tokens: () => tokens,
    async stop() {
      stopping.abort();
      await training;
      lock.release();
    },
  };
}
