import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { RunConfig } from '../config/runConfig.ts';
import type { Model } from '../graph/types.ts';
import { loadModel, saveModel } from '../onnx/file.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import type { ScoreKind } from '../tasks/score.ts';
import { bestEpoch } from '../train/epoch.ts';
import type { EpochModel, TrainedModel } from '../train/options.ts';
import { epochModel, readJson, runFiles, writeJson } from './runDirectory.ts';

/** Keeps the model of an epoch in a run directory where the configuration says so: all of them, or the best one. */
export async function keepModels(
  directory: string,
  config: Pick<RunConfig, 'keepModels' | 'keepBest'>,
  model: Model,
  { epoch, isBest, kept }: EpochModel,
): Promise<void> {
  if (config.keepModels) await write(join(directory, epochModel(epoch)), model);
  if (!config.keepBest || !isBest) return;
  await write(join(directory, runFiles.best), model);
  await writeJson(join(directory, runFiles.aboutBest), { epoch, kept });
}

async function write(file: string, model: Model): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await saveModel(file, withoutDropout(model));
}

/** Of the best model so far: its epoch, and which of the first units its layers have. */
const bestSchema = z.object({
  epoch: z.int().positive(),
  kept: z.array(z.array(z.int().nonnegative())).optional(),
});

/** The model to end with: the last one, or that of the best epoch where the configuration says so. */
export async function chosenModel(
  directory: string,
  { keepBest }: Pick<RunConfig, 'keepBest'>,
  scores: readonly ScoreKind[],
  { model, kept, history }: TrainedModel,
): Promise<Pick<TrainedModel, 'model' | 'kept'>> {
  const best = keepBest ? bestEpoch(history, scores) : undefined;
  if (best === undefined || best === history.length) return { model, kept };
  const about = bestSchema.parse(await readJson(join(directory, runFiles.aboutBest)));
  return { model: await loadModel(join(directory, runFiles.best)), kept: about.kept };
}
