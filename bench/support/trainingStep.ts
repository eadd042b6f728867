import type { Settings } from '../../src/base/fields.ts';
import { randomStream } from '../../src/base/random.ts';
import { readSettings, savedSettings } from '../../src/config/readSettings.ts';
import type { RunConfig } from '../../src/config/runConfig.ts';
import { trainParts } from '../../src/config/trainParts.ts';
import type { Corpus } from '../../src/data/makeCorpus.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { readTaskFields } from '../../src/tasks/language-model/definition.ts';
import { untrainedModel } from '../../src/tasks/language-model/model.ts';
import { languageModelProblem } from '../../src/tasks/language-model/problem.ts';
import { presets } from '../../src/tasks/registry.ts';
import { firstModelOf, trainableForm } from '../../src/train/trainableForm.ts';
import { setupOf } from '../../src/train/trainer.ts';
import { TrainState } from '../../src/train/trainState.ts';

/*
 * Training steps to be timed: all that the benchmarks of steps know of the trainer.
 */

/** A configuration of steps. */
export type TrainConfig = RunConfig;

/** Fields of a configuration, as in a JSON file for `slimrnn train`. */
export type StepFields = Settings;

/** A preset with some of its fields changed, checked. */
export function stepConfig(preset: string, fields: StepFields): TrainConfig {
  return readSettings('bench', fields, presets[preset]);
}

/** The same training without anything that makes weights vanish. */
export function withoutSparsity(config: TrainConfig): TrainConfig {
  return { ...config, method: { kind: 'dense' } };
}

/** The same training of layers of these sizes. */
export function withHidden(config: TrainConfig, hidden: readonly number[]): TrainConfig {
  return { ...config, model: { ...config.model, hidden: [...hidden] } };
}

/** The configuration of a run, from its config.json. */
export function configOfRun(fields: Settings): TrainConfig {
  const source = 'its configuration';
  return readSettings(source, {}, savedSettings(fields, source).settings);
}

/** Tokens that one update sees. */
export function tokensOfUpdate(config: TrainConfig): number {
  return config.batch * readTaskFields(config.task).steps;
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
  const model = untrainedModel(config, words);
  const problem = languageModelProblem(config, randomText(config, words));
  const parts = trainParts({ ...config, threads });
  const form = trainableForm(model, parts);
  const setup = setupOf({ ...parts, problem, model, runtime }, firstModelOf(form, parts));
  const state = await TrainState.create({ ...form, tensors: new Map() }, setup);
  const batches = problem.batches('train', { epoch: 0, seed: 1, rank: 0, ranks: 1 });
  let index = FIRST;
  return {
    async step() {
      const start = performance.now();
      const { updateTime } = await state.step(batches, index % batches.count, { rate: RATE, update: index++ });
      return { whole: performance.now() - start, update: updateTime };
    },
    release: () => state.release(),
  };
}

/** Words drawn by lot, as many as fill the windows of an epoch. */
function randomText(config: TrainConfig, words: number): Corpus {
  const random = randomStream(2);
  const length = tokensOfUpdate(config) * WINDOWS + config.batch;
  const ids = Int32Array.from({ length }, () => Math.floor(random() * words));
  const vocabulary = { words: [], ids: new Map<string, number>() };
  return { name: 'random', source: 'drawn by lot', vocabulary, train: ids, valid: ids, test: ids, sha256: '' };
}
