import { resolveConfig } from '../config/resolve.ts';
import type { RunSettings } from '../config/runSettings.generated.ts';
import type { Model } from '../graph/types.ts';
import { type DistillationFields, distillationDefinition } from '../tasks/distillation/definition.ts';
import { loadedDistillation } from '../tasks/distillation/loadedDistillation.ts';
import type { TrainSettings } from '../train/options.ts';
import { type FinetuneData, type FinetunedModel, type FinetuneOptions, namedData, trainFurther } from './finetune.ts';

/** Fields of the distillation task, which all have defaults, and those of every run, as `finetune` takes them. */
export type DistillSettings = Partial<DistillationFields> & Partial<TrainSettings> & RunSettings;

/** A model that learns, the one that it learns from, and arrays of inputs. */
export interface DistillData extends FinetuneData {
  readonly student: Model;
  /** Runs once on all inputs, before training. */
  readonly teacher: Model;
}

/**
 * Trains a model to compute what another one does, on inputs without labels: usually a smaller form of it. The loss is
 * the mean over the outputs that both have of how far each is from the teacher's: a divergence in nats behind a softmax
 * or a sigmoid, else the squared error as a share of the variance. For the rest as `finetune`.
 * @example const { model } = await distill({ student, teacher, train: await loadArrays('inputs.npz') },
 *   { epochs: 20, learningRate: 0.003 }, { runtime: nodeRuntime });
 */
export async function distill(
  { student, teacher, ...data }: DistillData,
  settings: DistillSettings,
  options: FinetuneOptions,
): Promise<FinetunedModel> {
  const config = resolveConfig(settings, { tasks: [distillationDefinition] });
  const task = await loadedDistillation(config, { student, teacher, data: namedData(data) }, options.runtime);
  return trainFurther(task, config, options);
}
