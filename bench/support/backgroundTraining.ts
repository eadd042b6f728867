import { join } from 'node:path';
import { writeAtomically } from '../../src/base/files.ts';
import { trainInDirectory } from '../../src/runs/run.ts';
import { configText, createRunDirectory, runFiles } from '../../src/runs/runDirectory.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { freshModel } from '../../src/tasks/language-model/freshModel.ts';
import { loadText } from '../../src/tasks/language-model/start.ts';
import { InterruptedError } from '../../src/train/interrupted.ts';
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
  const corpus = await loadText(config, undefined);
  const lock = await createRunDirectory(directory);
  await writeAtomically(join(directory, runFiles.config), configText(config, undefined, undefined));
  const stopping = new AbortController();
  let tokens = 0;
  const training = trainInDirectory({
    ...{ config, corpus, directory, runtime, signal: stopping.signal },
    model: freshModel(config, corpus.vocabulary),
    onWindow: () => {
      tokens += config.batch * config.steps;
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
