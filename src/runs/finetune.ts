import { UsageError } from '../base/errors.ts';
import { resolveConfig } from '../config/resolve.ts';
import type { RunConfig } from '../config/runConfig.ts';
import type { RunSettings } from '../config/runSettings.generated.ts';
import { taskParts, trainParts } from '../config/trainParts.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { type ArraysFields, arraysDefinition } from '../tasks/arrays/definition.ts';
import { loadedArrays } from '../tasks/arrays/loadedArrays.ts';
import type { ArrayData } from '../tasks/arrays/problem.ts';
import type { LoadedTask } from '../tasks/task.ts';
import { finishModels, type SlimModel } from '../train/finish.ts';
import type { TrainedModel, TrainOptions, TrainSettings, TrainStart } from '../train/options.ts';
import { type ScoredModel, scoreModel } from '../train/scorer.ts';
import { train } from '../train/trainer.ts';

/** Arrays by name, the first axis of each being the examples. */
export interface FinetuneData {
  readonly train: ReadonlyMap<string, Tensor>;
  /** Held-out examples, scored after every epoch. */
  readonly valid?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * Fields of the arrays task, of which the loss and the array of targets have no default, those of every run, and those
 * of the method, the optimizer and the schedule: `iss`, `optimizer`, `learningRate`, …
 */
export type FinetuneSettings = Pick<ArraysFields, 'loss' | 'targetArray'> &
  Partial<ArraysFields> &
  Partial<TrainSettings> &
  RunSettings;

/** How a model is fine-tuned, besides its settings. */
export interface FinetuneOptions
  extends Pick<
    TrainOptions,
    | 'runtime'
    | 'store'
    | 'resume'
    | 'untilEpoch'
    | 'collective'
    | 'signal'
    | 'onBatch'
    | 'onShrink'
    | 'onCollapse'
    | 'onEpoch'
  > {
  /** Called once when model, data and settings fit together, before the first update. */
  readonly onReady?: ((start: FinetuneStart) => void | Promise<void>) | undefined;
}

/** What a run is about to do. */
export interface FinetuneStart extends TrainStart {
  readonly config: RunConfig;
  /** Scores of the model as it came, on held-out data. */
  readonly before: ScoredModel['scores'];
}

/** A model trained further, with its history. */
export interface FinetunedModel extends Pick<TrainedModel, 'model' | 'history' | 'kept'> {
  /** With a sparsity method: the model without the units that nothing reads. */
  readonly slim: SlimModel | undefined;
  readonly start: FinetuneStart;
}

/**
 * Trains any imported model further on arrays, dense or with a sparsity method. The loss of a batch is the mean over its
 * places that count (examples, or steps within lengths and mask), and λ is on that scale. Equal model, settings, data
 * and threads give equal results, interrupted and resumed or not. Throws UsageError or SlimError before anything is
 * written where model, data and settings do not fit together or the graph cannot be differentiated.
 * @example const { model, slim } = await finetune(await loadModel('m.onnx'), { train: await loadArrays('train.npz') },
 *   { loss: 'cross-entropy', targetArray: 'y', iss: 0.01 }, { runtime: nodeRuntime });
 */
export async function finetune(
  model: Model,
  data: FinetuneData,
  settings: FinetuneSettings,
  options: FinetuneOptions,
): Promise<FinetunedModel> {
  const config = resolveConfig(settings, { tasks: [arraysDefinition] });
  return trainFurther(loadedArrays(config, model, namedData(data)), config, options);
}

/** The arrays as messages call them. */
export function namedData({ train, valid }: FinetuneData): ArrayData {
  return {
    train: { source: 'the training data', arrays: train },
    valid: valid && { source: 'the validation data', arrays: valid },
  };
}

/** Trains the model of a task on and finishes it. */
export async function trainFurther(
  task: LoadedTask,
  config: RunConfig,
  options: FinetuneOptions,
): Promise<FinetunedModel> {
  if (config.keepBest && options.resume) {
    throw new UsageError('keepBest has the best model in memory, so that it cannot be resumed: leave one of them out');
  }
  const parts = { ...options, ...trainParts(config), ...taskParts(task) };
  const told: { start?: FinetuneStart } = {};
  let best: Pick<TrainedModel, 'model' | 'kept'> | undefined;
  const trained = await train({
    ...parts,
    onEpochModel(model, { isBest, kept }) {
      if (config.keepBest && isBest) best = { model, kept };
    },
    async onReady(start) {
      const { scores: before } = await scoreModel(task.model(), parts);
      told.start = { ...start, notes: [...task.notes, ...start.notes], config, before };
      await options.onReady?.(told.start);
    },
  });
  const { model: finished, slim, kept } = await finishModels({ ...trained, ...best }, parts);
  return { model: finished, slim, kept, history: trained.history, start: told.start! };
}
