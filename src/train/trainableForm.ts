import { SlimError } from '../base/errors.ts';
import { sizeOf } from '../graph/dims.ts';
import { stateMetadata, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { type TracedGroups, traceGroups } from '../groups/trace.ts';
import type { FirstModel } from '../methods/kind.ts';
import { prepareModel } from '../passes/prepareModel.ts';
import { requireFiniteWeights } from './finiteWeights.ts';
import type { TrainOptions, TrainParts, TrainSettings } from './options.ts';
import type { Snapshot } from './snapshot.ts';
import type { Checkpoint } from './store.ts';
import { liftConstants, trainedNames, weightsOfModel, weightTest } from './trainedWeights.ts';

/** A model in the form in which it is trained, with the weights that are trained in float32. */
export type TrainableForm = Pick<Snapshot, 'model' | 'weights'>;

interface FormOptions extends Pick<TrainOptions, 'states'> {
  readonly method: Pick<TrainParts['method'], 'isDense' | 'embeddings'>;
  readonly settings: Pick<TrainSettings, 'freeze' | 'fix'>;
}

/**
 * The form in which a model is trained: weights as initializers; with a method, each direction its own operator. Throws
 * UsageError where a weight is no finite number.
 */
export function trainableForm(model: Model, { method, settings, states }: FormOptions): TrainableForm {
  const lifted = liftConstants(model);
  requireFiniteWeights(lifted.graph, weightTest(lifted.graph));
  const named = states ? { ...lifted, metadata: { ...lifted.metadata, ...stateMetadata(states) } } : lifted;
  const form = method.isDense ? named : prepareModel(named, states && { states });
  return { model: form, weights: weightsOfModel(form, trainedNames(form.graph, settings.freeze)) };
}

/** What methods must know of the first model; undefined where it has no groups. */
export function firstModelOf(
  { model, weights }: TrainableForm,
  { method, settings }: FormOptions,
): FirstModel | undefined {
  const { graph } = model;
  const groups = groupsOf(model, { method, settings });
  if (groups === undefined) return undefined;
  const sizes = new Map([...graph.initializers].map(([name, { dims }]) => [name, sizeOf(dims)]));
  return { graph, groups, sizes, trained: new Set(weights.keys()) };
}

/** The groups of a model in training; undefined where they cannot be traced and nothing is to vanish (`isDense`). */
export function groupsOf(
  model: Model,
  { method: { isDense, embeddings }, settings: { fix = [] } }: Pick<FormOptions, 'method' | 'settings'>,
): TracedGroups | undefined {
  const options = { states: statesOf(model), embeddings, fix, opset: model.opsets[''] };
  try {
    return traceGroups(model.graph, { ...options, tolerant: isDense });
  } catch (error) {
    if (isDense && error instanceof SlimError) return undefined;
    throw error;
  }
}

/** What a checkpoint holds, as training goes on from it; the weights of `form` say which are trained. */
export function weightsFrom({ model, tensors, progress }: Checkpoint, form: TrainableForm): Snapshot {
  const weights = new Map<string, Tensor>();
  for (const name of form.weights.keys()) {
    const tensor = tensors.get(`master/${name}`) ?? model.graph.initializers.get(name);
    if (tensor) weights.set(name, tensor);
  }
  const { method, optimizer } = progress;
  return { model, weights, tensors, method, optimizer };
}
