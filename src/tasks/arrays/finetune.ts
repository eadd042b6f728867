import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { statesOf } from '../../graph/states.ts';
import type { Model, Tensor } from '../../graph/types.ts';
import { traceModel } from '../../groups/traceModel.ts';
import { encodeModel } from '../../onnx/write.ts';
import { hasFloat16 } from '../../passes/float32.ts';
import { saveMetrics } from '../../runs/metricsFile.ts';
import { runFiles } from '../../runs/runDirectory.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { type ShrunkLayer, shrinkZeros } from '../../slim/shrink.ts';
import { assertEqual, type Difference } from '../../verify/verify.ts';
import { type FinetuneConfig, type FinetuneSettings, finetuneConfig } from './config.ts';
import { countParameters, type EpochOptions, type Run, saveRun, trainEpoch } from './epoch.ts';
import { examplesOf, type NamedArrays } from './examples.ts';
import { type FinetuneMetrics, freshProgress, loadFinetuned } from './progress.ts';
import { scoredOutput } from './scoring.ts';
import { batchSize, type ScoredExamples } from './stepper.ts';
import { targetArray, targetsOf } from './targets.ts';
import {
  dismissTrainee,
  type FinetuneTrainee,
  finishedModel,
  prepareTrainee,
  sampleFeeds,
  type TraineeContext,
  trainableForm,
} from './trainee.ts';
import { trainedNames } from './weights.ts';

/** Arrays by name, the first axis of each being the examples. */
export interface FinetuneData {
  readonly train: ReadonlyMap<string, Tensor>;
  /** Held-out examples, scored after every epoch. */
  readonly valid?: ReadonlyMap<string, Tensor> | undefined;
  /** What to call the arrays in messages (default: 'the training data', 'the validation data'). */
  readonly names?: { readonly train: string; readonly valid: string } | undefined;
}

/** How a model is fine-tuned, besides its configuration. */
export interface FinetuneOptions extends EpochOptions {
  readonly runtime: Runtime;
  /** Go on from the checkpoint in the directory, if there is one. */
  readonly resume?: boolean | undefined;
  /** Called once when model, data and configuration fit together, before the first update and before any file. */
  readonly onReady?: ((about: FinetuneStart) => void | Promise<void>) | undefined;
  readonly onEpoch?: ((m: FinetuneMetrics) => void) | undefined;
}

/** What a run is about to do. */
export interface FinetuneStart {
  readonly config: FinetuneConfig;
  readonly examples: { readonly train: number; readonly valid: number | undefined };
  readonly batch: number;
  /** Weights that are trained. */
  readonly parameters: number;
  /** Scores of the model as it came. */
  readonly before: { readonly validLoss: number; readonly validAccuracy: number | undefined } | undefined;
  /** What a user should know: activations that the loss took apart, statistics that stay, half precision. */
  readonly notes: readonly string[];
}

/** A model trained further, with its history. */
export interface FinetunedModel {
  readonly model: Model;
  /** With group lasso: the model without the units that nothing reads, and how well the two agree. */
  readonly slim:
    | { readonly model: Model; readonly layers: readonly ShrunkLayer[]; readonly verify: Difference }
    | undefined;
  readonly start: FinetuneStart;
  readonly history: readonly FinetuneMetrics[];
  /** Units of each layer before training; empty without group lasso. */
  readonly layers: readonly { readonly name: string; readonly units: number }[];
}

/**
 * Trains any imported model further on arrays, with or without group lasso over its units. The loss of a batch is the
 * mean over its places that count (examples, or steps within lengths and mask), and λ is on that scale: the gradient
 * of mean loss + λ·Σ‖unit‖ is followed. Equal model, configuration, data and threads give equal results, interrupted and
 * resumed or not. Throws UsageError or SlimError before anything is written where model, data and configuration do not
 * fit together or the graph cannot be differentiated.
 * @example const { model, slim } = await finetune(await loadModel('m.onnx'), { train: await loadArrays('train.npz') },
 *   { loss: 'cross-entropy', target: 'y', iss: 0.01 }, { runtime: nodeRuntime });
 */
export async function finetune(
  model: Model,
  data: FinetuneData,
  settings: FinetuneSettings,
  options: FinetuneOptions,
): Promise<FinetunedModel> {
  const config = finetuneConfig(settings);
  const { runtime, directory } = options;
  const names = data.names ?? { train: 'the training data', valid: 'the validation data' };
  const train = scoredExamples(model, { source: names.train, arrays: data.train }, config);
  const valid = data.valid && scoredExamples(model, { source: names.valid, arrays: data.valid }, config);
  const context: TraineeContext = { config, runtime, train, valid };
  const digest = runDigest(model, config, data);
  const path = directory === undefined ? undefined : join(directory, runFiles.checkpoint);
  const given = new Set(train.examples.inputs.map((v) => v.name));
  const fresh = trainableForm(model, given, config);
  const run: Run = { trainee: await prepareTrainee(fresh, context), progress: freshProgress(digest) };
  try {
    const layers = (run.trainee.groups?.layers ?? []).map((l) => ({ name: l.name, units: l.components.length }));
    const before = await run.trainee.valid?.score();
    const start: FinetuneStart = {
      config,
      examples: { train: train.examples.count, valid: valid?.examples.count },
      batch: batchSize(train.examples, config.batch),
      parameters: countParameters(run.trainee),
      before: before && { validLoss: before.loss, validAccuracy: before.accuracy },
      notes: notesOn(model, run.trainee, context),
    };
    await options.onReady?.(start);
    if (options.resume && path !== undefined && existsSync(path)) {
      const saved = await loadFinetuned(path, digest, (m) =>
        trainedNames(m.graph, []).filter(isTrained(fresh.weights)),
      );
      const resumed = await prepareTrainee(saved.state, context);
      await dismissTrainee(run.trainee);
      run.trainee = resumed;
      run.progress = saved.progress;
      await saveMetrics(dirname(path), run.progress.history);
    }
    while (run.progress.epoch < config.epochs) {
      const metrics = await trainEpoch(run, context, options);
      await saveRun(run, directory);
      options.onEpoch?.(metrics);
    }
    const finished = finishedModel(run.trainee);
    const slim = config.iss > 0 ? await slimmed(finished, context) : undefined;
    return { model: finished, slim, start, history: run.progress.history, layers };
  } finally {
    await dismissTrainee(run.trainee);
  }
}

function scoredExamples(model: Model, data: NamedArrays, config: FinetuneConfig): ScoredExamples {
  const examples = examplesOf(model, data, config);
  const scored = scoredOutput(model, examples, targetArray(data, examples, config).dims, config);
  return { examples, scored, targets: targetsOf(model, data, examples, scored, config) };
}

/** Weights that were trained at the start are trained after a shrink: names stay. */
function isTrained(weights: ReadonlyMap<string, Tensor>): (name: string) => boolean {
  return (name) => weights.has(name);
}

function notesOn(model: Model, { stepper }: FinetuneTrainee, { train, config }: TraineeContext): string[] {
  const notes: string[] = [];
  const { output } = train.scored;
  if (stepper.undone) notes.push(`the loss takes what goes into the ${stepper.undone} that makes '${output}'`);
  if (hasFloat16(model.graph)) notes.push('half precision is trained in float32 and rounded back when it is written');
  if (model.graph.nodes.some((n) => n.op === 'BatchNormalization')) {
    notes.push('BatchNormalization keeps its stored mean and variance; scale and bias are trained');
  }
  const { fixedBatch } = train.examples;
  if (fixedBatch !== undefined && fixedBatch !== config.batch) {
    notes.push(`the model fixes its batch: ${fixedBatch} examples at a time`);
  }
  return notes;
}

/** Identifies what a checkpoint belongs to: model, configuration and data, but not the number of threads. */
function runDigest(model: Model, { threads: _threads, ...config }: FinetuneConfig, data: FinetuneData): string {
  const hash = createHash('sha256').update(JSON.stringify(config));
  for (const piece of encodeModel(model)) hash.update(piece);
  for (const arrays of [data.train, data.valid ?? new Map<string, Tensor>()]) {
    hash.update('\narrays');
    for (const [name, { dims, elementType, data: values }] of arrays) {
      hash.update(`\n${name} ${elementType} ${dims.join(' ')}\n`);
      if (Array.isArray(values)) hash.update(JSON.stringify(values));
      else hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.digest('hex');
}

/** The finished model without its dead units, verified to compute the same on examples. */
async function slimmed(model: Model, context: TraineeContext): Promise<NonNullable<FinetunedModel['slim']>> {
  const how = { fix: context.config.fix, states: statesOf(model) };
  const { prepared } = traceModel(model, how);
  const { model: slim, groups, removed, layers } = shrinkZeros(model, how);
  const feeds = [sampleFeeds(model, context)];
  const verify = await assertEqual(context.runtime, model, slim, { feeds, removal: { prepared, groups, removed } });
  return { model: slim, layers, verify };
}
