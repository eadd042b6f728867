import { namesStates, type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { fillsPerUse } from './constantPerUse.ts';
import { detectStates } from './detectStates.ts';
import { nameLayers } from './nameLayers.ts';
import { ownVectors } from './ownVectors.ts';
import { simplify } from './simplify.ts';
import { splitDirections } from './splitDirections.ts';
import { storeWeights } from './storeWeights.ts';
import { unstackStates } from './unstackStates.ts';
import { dropZeroStates } from './zeroStates.ts';

/** What is not to be seen in a model's graph. */
export interface PrepareOptions {
  /** Streaming states (an empty list: none); absent: those in the metadata, else those that `detectStates` finds. */
  readonly states?: readonly StatePair[] | undefined;
  /** Gives up the shape of states that stack several layers, so that each layer can lose units of its own. */
  readonly resizeState?: boolean | undefined;
}

/**
 * The same model in the form in which its groups are traced, its units removed and its weights trained: simplified, a
 * recurrent operator for each direction, its weights stored, no initial states that are zero anyway, the streaming
 * states named in the metadata. Throws a SlimError when `states` are not those of the graph.
 */
export function prepareModel(model: Model, options: PrepareOptions = {}): Model {
  const simple = simplify(model);
  const graph = storeWeights(nameLayers(simple.graph));
  const named = withStates(graph === simple.graph ? simple : { ...simple, graph }, options.states);
  const whole = options.resizeState ? unstackStates(named) : named;
  const parted = dropZeroStates(splitDirections(whole));
  return { ...parted, graph: ownVectors(fillsPerUse(parted.graph)) };
}

function withStates(model: Model, given: readonly StatePair[] | undefined): Model {
  if (given === undefined && namesStates(model)) return model;
  const states = given ?? detectStates(model.graph);
  if (given === undefined && states.length === 0) return model;
  const named = { ...model, metadata: { ...model.metadata, ...stateMetadata(states) } };
  statesOf(named);
  return named;
}
