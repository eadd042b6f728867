import { randomStream } from '../../src/base/random.ts';
import type { Model } from '../../src/graph/types.ts';
import { LOGITS } from '../../src/models/languageModel.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { TrainConfig } from '../../src/train/config.ts';
import { createMethod, groupsOf, planSparsity } from '../../src/train/sparsity.ts';
import { Stepper, type StepResult } from '../../src/train/stepper.ts';

/** A learning rate at which nothing dies while steps are timed. */
const RATE = 0.01;
/** Windows of an epoch, for methods with a schedule, and the update that steps begin at: after two epochs all are at work. */
const WINDOWS = 100;
const FIRST = 2 * WINDOWS;

/** Training steps of a language model that can be repeated, to time them. */
export interface RandomSteps {
  step(): Promise<StepResult>;
  release(): Promise<void>;
}

/** Steps of a model with the configuration's method, batch and clipping, on random words. Memory: model and gradients. */
export async function randomSteps(
  runtime: Runtime,
  model: Model,
  config: TrainConfig,
  words: number,
  threads?: number,
): Promise<RandomSteps> {
  const { batch, steps, clip, seed } = config;
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
    step: () => stepper.step(indices, RATE, index++),
    release: () => stepper.release(),
  };
}
