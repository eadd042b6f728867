import { namesStates, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { liveComponents, weightsOf } from '../groups/measure.ts';
import { traceModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { type ShrunkLayer, shrinkModel } from '../slim/shrink.ts';
import { assertEqual, type Difference } from '../verify/verify.ts';
import type { TrainedModel, TrainOptions } from './options.ts';
import { unitsThatStay } from './shrinkState.ts';

/** A model without its dead units. */
export interface SlimModel {
  readonly model: Model;
  /** Its layers before and after. */
  readonly layers: readonly ShrunkLayer[];
  /** How well it agrees with the model that still has them. */
  readonly verify: Difference;
}

/** A trained model as it is saved and, with a sparsity method, the one without its dead units. */
export interface FinishedModels {
  readonly model: Model;
  readonly slim?: SlimModel | undefined;
  /** Which of its first units each layer of the last model has. */
  readonly kept: TrainedModel['kept'];
}

/**
 * Takes dropout out of a trained model and, unless it was trained dense, removes the units that nothing reads. Throws
 * SlimError when the slim model does not compute the same on samples of the data.
 */
export async function finishModels(
  { model: trained, kept }: Pick<TrainedModel, 'model' | 'kept'>,
  { problem, runtime, method, settings }: Pick<TrainOptions, 'problem' | 'runtime' | 'method' | 'settings'>,
): Promise<FinishedModels> {
  const model = withoutDropout(trained);
  if (method.isDense) return { model, kept };
  const states = namesStates(model) ? statesOf(model) : undefined;
  const traced = traceModel(model, { embeddings: method.embeddings, fix: settings.fix ?? [], states });
  const { prepared, groups } = traced;
  const live = liveComponents(groups, weightsOf(constantPerUse(prepared.graph)));
  const { model: slim, removed, layers } = shrinkModel(model, traced, (k) => live[k] === 0);
  const feeds = problem.samples(model);
  const verify = await assertEqual(runtime, model, slim, {
    feeds,
    removal: { prepared, groups, removed },
    unverifiedBranches: true,
  });
  return { model, slim: { model: slim, layers, verify }, kept: kept && unitsThatStay(groups, removed, kept) };
}
