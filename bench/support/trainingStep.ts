import { randomStream } from '../../src/base/random.ts';
import { LOGITS } from '../../src/models/languageModel.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { untrainedModel } from '../../src/tasks/language-model/freshModel.ts';
import { checkConfig, type PartialConfig, type TrainConfig } from '../../src/train/config.ts';
import { presets } from '../../src/train/presets.ts';
import { createMethod, groupsOf, planSparsity } from '../../src/train/sparsity.ts';
import { Stepper } from '../../src/train/stepper.ts';

/*
 * Training steps to be timed: all that the benchmarks of steps know of the trainer.
 */

export { type TrainConfig, withoutSparsity } from '../../src/train/config.ts';

/** Fields of a configuration, as in a JSON file for `slimrnn train`. */
export type StepFields = PartialConfig;

/** A preset with some of its fields changed, checked. */
export function stepConfig(preset: string, fields: StepFields): TrainConfig {
  return checkConfig({ ...presets[preset], ...fields }, 'bench');
}

/** The configuration of a run, from its config.json. */
export function configOfRun(fields: Readonly<Record<string, unknown>>): TrainConfig {
  const { data: _data, init: _init, ...own } = fields;
  return checkConfig(own, 'its configuration');
}

/** How the steps run. */
export interface StepOptions {
  readonly runtime: Runtime;
  readonly threads?: number | undefined;
}

/** Milliseconds of one step. */
export interface StepTime {
  /** Forward, backward, penalty, clipping, update and threshold. */
  readonly whole: number;
  /** All of it but the graph: penalty, clipping, update and threshold. */
  readonly update: number;
}

/** Training steps that can be repeated. */
export interface TrainingSteps {
  step(): Promise<StepTime>;
  release(): Promise<void>;
}

/** A learning rate at which nothing dies while steps are timed. */
const RATE = 0.01;
/** Windows of an epoch, for methods with a schedule, and the update that steps begin at: after two epochs all are at work. */
const WINDOWS = 100;
const FIRST = 2 * WINDOWS;

/** Steps of the untrained language model of a configuration, on random ones of so many words. Memory: model and gradients. */
export async function trainingSteps(
  config: TrainConfig,
  words: number,
  { runtime, threads }: StepOptions,
): Promise<TrainingSteps> {
  const { batch, steps, clip, seed } = config;
  const model = untrainedModel(config, words);
  const groups = groupsOf(model, config);
  const sparsity = createMethod(planSparsity(config, model, groups, WINDOWS), model.graph, groups);
  const stepper = await Stepper.create(model, {
    ...{ runtime, logits: LOGITS, batch, time: steps, clip, sparsity, seed, threads },
  });
  const random = randomStream(2);
  const drawn = () => Int32Array.from({ length: batch * steps }, () => Math.floor(random() * words));
  const indices = drawn();
  stepper.targets.set(drawn());
  let index = FIRST;
  return {
    async step() {
      const start = performance.now();
      const { updateTime } = await stepper.step(indices, RATE, index++);
      return { whole: performance.now() - start, update: updateTime };
    },
    release: () => stepper.release(),
  };
}
