import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Environment, environment } from '../base/environment.ts';
import { writeAtomically } from '../base/files.ts';
import type { Model } from '../graph/types.ts';
import { describeModel } from '../inspect/describe.ts';
import { type ParameterSplit, splitParameters } from '../inspect/parameterSplit.ts';
import { LOGITS } from '../models/languageModel.ts';
import { saveModel } from '../onnx/file.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { shrinkZeros } from '../slim/shrink.ts';
import { textWindows } from '../tasks/language-model/textWindows.ts';
import { flagName, type TrainConfig } from '../train/config.ts';
import { createEvaluator } from '../train/evaluate.ts';
import { InterruptedError } from '../train/interrupted.ts';
import { checkMethod, methodName, type TargetOutcome, targetOutcome } from '../train/sparsity.ts';
import { unitsThatStay } from '../train/trainee.ts';
import { type TrainedModel, type TrainOptions, train, type WindowProgress } from '../train/trainer.ts';
import { assertEqual, type Difference } from '../verify/verify.ts';
import type { EpochMetrics } from './checkpoint.ts';
import { fileStore } from './fileStore.ts';
import { liveFile } from './live.ts';
import {
  configText,
  createRunDirectory,
  openRunDirectory,
  readJson,
  requireSameConfig,
  runConfig,
  runFiles,
} from './runDirectory.ts';

/** One finished model of a run. */
export interface ModelResult {
  readonly name: string;
  readonly file: string;
  readonly bytes: number;
  readonly hidden: readonly number[];
  readonly parameters: number;
  /** The same by part, and how many of them are not zero. */
  readonly split: ParameterSplit;
  readonly multiplyAdds: number;
  readonly validPerplexity: number;
  readonly testPerplexity: number;
}

/** What a run achieved, as result.json holds it. */
export interface RunResult {
  readonly config: TrainConfig;
  readonly data: {
    readonly name: string;
    readonly source: string;
    readonly sha256: string;
    readonly vocabulary: number;
  };
  /** The model after its last epoch and, unless it was trained dense, the one without its dead units. */
  readonly models: readonly ModelResult[];
  /** Difference between the two on the same inputs. */
  readonly verify?: Difference | undefined;
  /** Share of units or parameters that was asked for and that the last model has. */
  readonly target?: TargetOutcome | undefined;
  /** Seconds of training, evaluation left out. */
  readonly seconds: number;
  readonly engine: string;
  readonly environment: Environment;
  readonly history: readonly EpochMetrics[];
  /** Which of its first units each layer of the last model has; undefined when an earlier version began the run. */
  readonly kept?: readonly (readonly number[])[] | undefined;
}

/** Where a run's text and first weights come from, as config.json keeps it. */
export interface RunSources {
  /** Folder or file; undefined for the embedded corpus, or for text from elsewhere. */
  readonly data?: string | undefined;
  /** ONNX file or run directory; undefined for fresh weights. */
  readonly init?: string | undefined;
}

/** A run into a directory. */
export interface RunOptions extends Omit<TrainOptions, 'untilEpoch' | 'store'> {
  readonly directory: string;
  readonly sources?: RunSources | undefined;
  /** Called when the directory is this run's own and says what it is. */
  readonly onReady?: (() => void) | undefined;
  /** Called with a line about what is going on after training. */
  readonly onStage?: ((stage: string) => void) | undefined;
}

/**
 * A whole run: makes the directory, or with `resume` goes on in it, keeps other processes out, and leaves there what
 * reports, servers and sweeps read; then `trainToEnd`. A run that is finished already is not trained again. Throws
 * UsageError before anything is written when the directory is another run's or the configuration cannot be met, and
 * LockedError when another process has it.
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const { config, directory, resume = false, sources = {} } = options;
  checkMethod(config, options.model);
  const lock = await (resume ? openRunDirectory(directory) : createRunDirectory(directory));
  try {
    const finished = resume ? await finishedRun(directory, config, sources) : undefined;
    if (!resume)
      await writeAtomically(join(directory, runFiles.config), configText(config, sources.data, sources.init));
    options.onReady?.();
    return finished ?? (await trainToEnd(options));
  } finally {
    lock.release();
  }
}

/** Settings that a resumed run may change. */
const free: ReadonlySet<string> = new Set(['threads', 'checkpointEvery']);

/**
 * The result of a run that is resumed, if it is finished. Throws a UsageError when the directory is no run, or one with
 * another configuration or other sources.
 */
export async function finishedRun(
  directory: string,
  config: TrainConfig,
  { data, init }: RunSources,
): Promise<RunResult | undefined> {
  await requireSameConfig(directory, runConfig(config, data, init), free, said);
  const file = join(directory, runFiles.result);
  return existsSync(file) ? ((await readJson(file)) as RunResult) : undefined;
}

/** A setting as the command line has it. */
function said(key: string, value: unknown): string {
  const flag = flagName(key);
  if (value === undefined || value === null) return `no ${flag}`;
  if (typeof value === 'boolean') return value ? flag : flag.replace('--', '--no-');
  return `${flag} ${String(value)}`;
}

/**
 * Trains a language model into a run directory that the caller holds and finishes it: test perplexity at batch 1, the
 * model as ONNX and, unless dense, the slim model, verified equal to the other before it is written.
 */
export async function trainToEnd(options: RunOptions): Promise<RunResult> {
  const { config, corpus, directory, runtime } = options;
  const onStage = (stage: string) => {
    if (options.signal?.aborted) throw new InterruptedError('stopped after training; --resume goes on from here');
    options.onStage?.(stage);
  };
  const { model: trained, history, kept: trainedUnits } = await trainInDirectory(options);
  const model = withoutDropout(trained);
  const results: ModelResult[] = [];
  let verify: Difference | undefined;
  let target: TargetOutcome | undefined;
  let kept = trainedUnits;
  await writeAtomically(join(directory, runFiles.vocabulary), `${corpus.vocabulary.words.join('\n')}\n`);
  await saveModel(join(directory, runFiles.model), model);
  onStage('scoring the trained model on the validation and test text');
  results.push(await score('trained', model, runFiles.model, options));
  if (methodName(config) !== 'dense') {
    const { model: slim, groups, removed } = shrinkZeros(model, { embeddings: config.issEmbedding ?? false });
    kept = kept && unitsThatStay(groups, removed, kept);
    target = targetOutcome(config, options.model, slim);
    onStage('verifying that the slim model computes the same');
    const feeds = textWindows(corpus.valid, config);
    verify = await assertEqual(runtime, model, slim, { feeds, removal: { groups, removed } });
    await saveModel(join(directory, runFiles.slim), slim);
    onStage('scoring the slim model');
    results.push(await score('slim', slim, runFiles.slim, options));
  }
  const result: RunResult = {
    config,
    data: {
      name: corpus.name,
      source: corpus.source,
      sha256: corpus.sha256,
      vocabulary: corpus.vocabulary.words.length,
    },
    models: results,
    verify,
    target,
    seconds: history.reduce((sum, epoch) => sum + epoch.seconds, 0),
    engine: runtime.name,
    environment: environment(),
    history,
    kept,
  };
  await writeAtomically(join(directory, runFiles.result), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** `train` with checkpoints, metrics and live.json in a run directory. */
export async function trainInDirectory({
  directory,
  ...options
}: Omit<TrainOptions, 'store'> & { readonly directory: string }): Promise<TrainedModel> {
  const live = liveFile(directory);
  const onWindow = (p: WindowProgress) => {
    options.onWindow?.(p);
    const { epoch, epochs, units, alive, secondsLeft } = p;
    const metric = { name: 'perplexity', value: p.perplexity } as const;
    const speed = p.tokensPerSecond;
    live.report({ epoch, epochs, share: p.window / p.windows, metric, speed, secondsLeft, units, alive });
  };
  try {
    return await train({ ...options, onWindow, store: fileStore(directory) });
  } finally {
    await live.end();
  }
}

async function score(
  name: string,
  model: Model,
  file: string,
  { config, corpus, runtime, directory, signal }: RunOptions,
): Promise<ModelResult> {
  const evaluator = await createEvaluator(model, LOGITS, runtime, { threads: config.threads });
  const { batch, steps } = config;
  const scored = async () => ({
    validPerplexity: await evaluator.perplexity(corpus.valid, { batch, steps, label: 'validation text', signal }),
    testPerplexity: await evaluator.perplexity(corpus.test, { batch: 1, steps, label: 'test text', signal }),
  });
  const perplexities = await scored().finally(() => evaluator.release());
  const { layers, parameters, multiplyAdds } = describeModel(model);
  const { size: bytes } = await stat(join(directory, file));
  const hidden = layers.map((l) => l.units);
  const split = splitParameters(model.graph);
  return { name, file, bytes, hidden, parameters, split, multiplyAdds, ...perplexities };
}
