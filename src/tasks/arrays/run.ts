import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, environment } from '../../base/environment.ts';
import { UsageError } from '../../base/errors.ts';
import { writeAtomically } from '../../base/files.ts';
import type { Lock } from '../../base/lock.ts';
import { loadArrays } from '../../data/arrays.ts';
import type { Model } from '../../graph/types.ts';
import { describeModel } from '../../inspect/describe.ts';
import { loadModel, saveModel } from '../../onnx/file.ts';
import { liveFile } from '../../runs/live.ts';
import {
  checkNewRunDirectory,
  createRunDirectory,
  openRunDirectory,
  readConfig,
  readJson,
  requireSameConfig,
  runFiles,
} from '../../runs/runDirectory.ts';
import type { Difference } from '../../verify/verify.ts';
import { type FinetuneConfig, type FinetuneSettings, finetuneConfig } from './config.ts';
import type { BatchProgress } from './epoch.ts';
import { type FinetuneOptions, type FinetuneStart, finetune } from './finetune.ts';
import type { FinetuneMetrics } from './progress.ts';

/** Where a run's model and data are. */
export interface FinetuneSources {
  readonly model: string;
  readonly data: string;
  readonly valid?: string | undefined;
}

/** One finished model of a run. */
export interface FinetunedFile {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly hidden: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** What a run achieved, as result.json holds it. */
export interface FinetuneResult {
  readonly sources: FinetuneSources;
  readonly config: FinetuneConfig;
  /** Scores on the held-out examples of the model as it came, and after the last epoch; absent without them. */
  readonly before: FinetuneStart['before'] | null;
  readonly after: FinetuneStart['before'] | null;
  /** The model as it came, after its last epoch and, with group lasso, the one without its dead units. */
  readonly models: readonly FinetunedFile[];
  /** Difference between the last two on the same inputs. */
  readonly verify?: Difference | undefined;
  readonly notes: readonly string[];
  /** Seconds of training, evaluation left out. */
  readonly seconds: number;
  readonly engine: string;
  readonly environment: Environment;
  readonly history: readonly FinetuneMetrics[];
}

/** A run from files into a run directory. */
export interface FinetuneRunOptions extends Omit<FinetuneOptions, 'directory'> {
  readonly sources: FinetuneSources;
  readonly settings: FinetuneSettings;
  readonly directory: string;
  /** How the user writes a field of the configuration, for messages. */
  readonly nameOf?: ((field: string) => string) | undefined;
}

/**
 * Trains a model file further on files of arrays and finishes it in a run directory: the trained model as ONNX and, with
 * group lasso, the slim one, verified equal to the other before it is written. Nothing is written before model, data and
 * configuration are known to fit together. Throws UsageError or SlimError.
 */
export async function finetuneRun(options: FinetuneRunOptions): Promise<FinetuneResult> {
  const { directory, resume } = options;
  const held: { lock?: Lock } = {};
  try {
    if (resume) held.lock = await openRunDirectory(directory);
    else await checkNewRunDirectory(directory);
    return await runInDirectory(options, async () => {
      held.lock = await createRunDirectory(directory);
    });
  } finally {
    held.lock?.release();
  }
}

/** `makeDirectory` is called for a new run once all is known to fit. */
async function runInDirectory(
  options: FinetuneRunOptions,
  makeDirectory: () => Promise<void>,
): Promise<FinetuneResult> {
  const { sources, directory, runtime, resume } = options;
  const config = finetuneConfig(options.settings, options.nameOf);
  if (resume) {
    await requireSameConfig(directory, runConfig(sources, config), new Set(['threads']), said);
    const finished = join(directory, runFiles.result);
    if (existsSync(finished)) return (await readJson(finished)) as FinetuneResult;
  }
  const model = await loadModel(sources.model);
  const train = await loadArrays(sources.data);
  const valid = sources.valid === undefined ? undefined : await loadArrays(sources.valid);
  const names = { train: sources.data, valid: sources.valid ?? '' };
  const onReady = async (start: FinetuneStart) => {
    if (!resume) {
      await makeDirectory();
      const text = `${JSON.stringify(runConfig(sources, config), null, 2)}\n`;
      await writeAtomically(join(directory, runFiles.config), text);
    }
    await options.onReady?.(start);
  };
  const live = liveFile(directory);
  const onBatch = (p: BatchProgress) => {
    options.onBatch?.(p);
    const { epoch, epochs, units, alive } = p;
    live.report({ epoch, epochs, share: p.batch / p.batches, metric: { name: 'loss', value: p.loss }, units, alive });
  };
  const done = await finetune(model, { train, valid, names }, config, {
    ...options,
    directory,
    runtime,
    onReady,
    onBatch,
  }).finally(() => live.end());
  const { start, slim, history } = done;
  await saveModel(join(directory, runFiles.model), done.model);
  if (slim) await saveModel(join(directory, runFiles.slim), slim.model);
  const last = history[history.length - 1];
  const result: FinetuneResult = {
    sources,
    config,
    before: start.before ?? null,
    after: last?.validLoss === undefined ? null : { validLoss: last.validLoss, validAccuracy: last.validAccuracy },
    models: [
      await described('original', model, sources.model),
      await described('trained', done.model, join(directory, runFiles.model)),
      ...(slim ? [await described('slim', slim.model, join(directory, runFiles.slim))] : []),
    ],
    verify: slim?.verify,
    notes: start.notes,
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    engine: runtime.name,
    environment: environment(),
    history,
  };
  await writeAtomically(join(directory, runFiles.result), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

async function described(name: string, model: Model, file: string): Promise<FinetunedFile> {
  const { layers, parameters, multiplyAdds } = describeModel(model);
  return { name, file, bytes: (await stat(file)).size, hidden: layers.map((l) => l.units), parameters, multiplyAdds };
}

/** What config.json of a run holds: where model and data are, and the configuration. */
function runConfig({ model, data, valid }: FinetuneSources, config: FinetuneConfig): Record<string, unknown> {
  return { model, data, valid: valid ?? null, ...config };
}

/** Reads config.json of a fine-tuning run as sources and settings. Throws UsageError for other files. */
export async function savedRun(directory: string): Promise<{ sources: FinetuneSources; settings: FinetuneSettings }> {
  const path = join(directory, runFiles.config);
  const { model, data, valid, ...fields } = await readConfig(directory);
  if (typeof model !== 'string' || typeof data !== 'string' || (valid !== null && typeof valid !== 'string')) {
    throw new UsageError(`${path} is not that of a fine-tuning run`);
  }
  const settings = finetuneConfig(fields as FinetuneSettings, (field) => `${path}: ${field}`);
  return { sources: { model, data, valid: valid ?? undefined }, settings };
}

/** A setting as messages have it. */
function said(key: string, value: unknown): string {
  return `${key} ${JSON.stringify(value) ?? 'nothing'}`;
}
