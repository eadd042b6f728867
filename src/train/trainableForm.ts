import { SlimError } from '../base/errors.ts';
import { namesStates, type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { traceGroups } from '../groups/trace.ts';
import type { FirstModel } from '../methods/kind.ts';
import { prepareModel } from '../passes/prepareModel.ts';
import type { TrainOptions, TrainParts, TrainSettings } from './options.ts';
import type { Snapshot } from './snapshot.ts';
import type { Checkpoint } from './store.ts';
import { liftConstants, trainedNames, weightsOfModel } from './trainedWeights.ts';

/** A model in the form in which it is trained, with the weights that are trained in float32. */
export interface TrainableForm {
  readonly model: Model;
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** What the form of a model depends on. */
interface FormOptions extends Pick<TrainOptions, 'states'> {
  readonly method: Pick<TrainParts['method'], 'isDense' | 'embeddings'>;
  readonly settings: Pick<TrainSettings, 'freeze' | 'fix'>;
}

/**
 * The form in which a model is trained: weights as initializers; with a sparsity method also that in which units can
 * leave, each direction an operator of its own.
 */
export function trainableForm(model: Model, { method, settings, states }: FormOptions): TrainableForm {
  const lifted = liftConstants(model);
  const named = states ? withStates(lifted, states) : lifted;
  const form = method.isDense ? named : prepareModel(named, states && { states });
  return { model: form, weights: weightsOfModel(form, trainedNames(form.graph, settings.freeze)) };
}

function withStates(model: Model, states: readonly StatePair[]): Model {
  return { ...model, metadata: { ...model.metadata, ...stateMetadata(states) } };
}

/** What methods must know of the first model; undefined where its units cannot be traced and nothing is to vanish. */
export function firstModelOf(
  { model, weights }: TrainableForm,
  { method, settings }: FormOptions,
): FirstModel | undefined {
  const { graph } = model;
  const states = namesStates(model) ? statesOf(model) : [];
  const options = { states, embeddings: method.embeddings, fix: settings.fix ?? [], opset: model.opsets[''] };
  try {
    const groups = traceGroups(graph, { ...options, tolerant: method.isDense });
    const sizes = new Map([...graph.initializers].map(([name, { data }]) => [name, data.length]));
    return { graph, groups, sizes, trained: new Set(weights.keys()) };
  } catch (error) {
    if (method.isDense && error instanceof SlimError) return undefined;
    throw error;
  }
}

/** What a checkpoint holds, as training goes on from it; the weights of `form` say which are trained. */
export function weightsFrom({ model, tensors, progress }: Checkpoint, form: TrainableForm): Snapshot {
  const weights = new Map<string, Tensor>();
  for (const name of form.weights.keys()) {
    const stored = model.graph.initializers.get(name);
    const tensor = tensors.get(`master/${name}`) ?? stored;
    if (tensor) weights.set(name, tensor);
  }
  const { method, optimizer } = progress;
  return { model, weights, tensors, method, optimizer };
}
