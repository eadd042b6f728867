import type { Settings } from '../../src/base/fields.ts';
import type { RunConfig } from '../../src/config/runConfig.ts';
import { trainParts } from '../../src/config/trainParts.ts';
import type { Model } from '../../src/graph/types.ts';
import type { FirstModel } from '../../src/methods/kind.ts';
import type { SparsityMethod } from '../../src/methods/method.ts';
import { languageModel } from '../../src/models/languageModel.ts';
import { learnedShare, totalRate } from '../../src/optimizers/schedules/schedule.ts';
import { firstModelOf, trainableForm } from '../../src/train/trainableForm.ts';
import { type PlainMatrix, plainMatrix } from './plainMatrix.ts';
import { configOf } from './training.ts';

/*
 * For tests: sparsity methods as configurations ask for them, on a language model that is not trained.
 */

/** Updates in an epoch. */
export const UPDATES = 20;
/** Sizes of the model. */
export const sizes = { hidden: [4, 3], embedding: 5, epochs: 6 } as const;

/** A configuration of a small language model with these fields. */
export function methodConfig(fields: Settings): RunConfig {
  return configOf({ ...sizes, ...fields }, 'zaremba-small');
}

/** The untrained model of a configuration, over nine words. */
export function modelFor({ model }: RunConfig): Model {
  return languageModel({ hidden: model.hidden as number[], embedding: model.embedding as number, vocabulary: 9 });
}

/** What methods know of a model that a run begins with. */
export function firstFor(config: RunConfig, model: Model): FirstModel {
  const parts = trainParts(config);
  return firstModelOf(trainableForm(model, parts), parts)!;
}

/** A method with what it was made for. */
export interface MadeMethod {
  readonly config: RunConfig;
  readonly model: Model;
  readonly first: FirstModel;
  readonly method: SparsityMethod | undefined;
}

/** The method of a configuration, for its own model or for another one that a run `began` with. */
export function methodFor(fields: Settings, model?: Model, began?: FirstModel): MadeMethod {
  const config = methodConfig(fields);
  const parts = trainParts(config);
  const now = model ?? modelFor(config);
  const current = firstFor(config, now);
  const first = began ?? current;
  const { epochs, threshold, seed } = config;
  const run = { epochs, updatesPerEpoch: UPDATES };
  const method = parts.method.create({
    ...{ graph: current.graph, groups: current.groups, first, threshold, epochs, updates: UPDATES, seed },
    totalRate: totalRate(parts.schedule, run),
    learned: (update) => learnedShare(parts.schedule, run, { update, history: [] }),
  });
  return { config, model: now, first, method };
}

/** The parameters that a method acts on, as it meets them. */
export function matricesOf({ graph }: Model, { parameters }: SparsityMethod): PlainMatrix[] {
  return [...graph.initializers].flatMap(([name, { dims, data }]) =>
    parameters.has(name) ? [plainMatrix(name, dims, data as Float32Array)] : [],
  );
}

/** The value of a method's penalty for a model's weights. */
export function penaltyOf({ method, model }: Pick<MadeMethod, 'method' | 'model'>): number {
  return method!.beforeUpdate(matricesOf(model, method!), { update: 0, gradientScale: 1 });
}
