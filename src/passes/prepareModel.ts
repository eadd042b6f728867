import { inferTypes } from '../graph/infer/infer.ts';
import { isRecurrent, movesAll } from '../graph/operators.ts';
import { allNodes, producers } from '../graph/rewrite.ts';
import { namesStates, type StatePair, stateMetadata, statesOf } from '../graph/states.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Model, Node } from '../graph/types.ts';
import { isBidirectional, WEIGHT_INPUTS } from '../recurrent/directions.ts';
import { fillsPerUse } from './constantPerUse.ts';
import { detectStates } from './detectStates.ts';
import { foldConstants } from './foldConstants.ts';
import { inlineFunctions } from './inlineFunctions.ts';
import { nameLayers } from './nameLayers.ts';
import { splitDirections } from './splitDirections.ts';
import { uniqueNames } from './uniqueNames.ts';
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
 * The same model in the form in which its groups are traced, its units removed and its weights trained: a recurrent
 * operator for each direction, its weights stored, no functions, one name for one value, no initial states that are
 * zero anyway, the streaming states named in the metadata. Throws a SlimError when `states` are not those of the graph.
 */
export function prepareModel(model: Model, options: PrepareOptions = {}): Model {
  const inlined = inlineFunctions(model);
  // Refuses graphs that are none: what follows walks along them.
  inferTypes(inlined.graph);
  const graph = storeWeights(nameLayers(uniqueNames(inlined.graph)));
  const named = withStates(graph === inlined.graph ? inlined : { ...inlined, graph }, options.states);
  const whole = options.resizeState ? unstackStates(named) : named;
  const parted = dropZeroStates(splitDirections(whole));
  return { ...parted, graph: fillsPerUse(parted.graph) };
}

function withStates(model: Model, given: readonly StatePair[] | undefined): Model {
  if (given === undefined && namesStates(model)) return model;
  const states = given ?? detectStates(model.graph);
  if (given === undefined && states.length === 0) return model;
  const named = { ...model, metadata: { ...model.metadata, ...stateMetadata(states) } };
  statesOf(named);
  return named;
}

/**
 * Stores weights of recurrent operators that exporters compute: PyTorch's puts gates in another order by Slice, Concat.
 * What is just put together stays, but for operators of two directions, which are parted only when weights are stored.
 */
function storeWeights(graph: Graph): Graph {
  const stored = storedTensors(graph);
  const made = producers(allNodes(graph));
  const wanted = allNodes(graph)
    .filter(isRecurrent)
    .flatMap((node) => {
      const names = WEIGHT_INPUTS.flatMap((i) => node.inputs[i] || []).filter((name) => !stored.has(name));
      return isBidirectional(node) ? names : names.filter((name) => !isJoined(name, made, stored));
    });
  return wanted.length === 0 ? graph : foldConstants(graph, { wanted: new Set(wanted) });
}

/** True for a value that is stored tensors put together. */
function isJoined(name: string, made: ReadonlyMap<string, Node>, stored: ReadonlyMap<string, unknown>): boolean {
  const seen = new Set<string>();
  const todo = [name];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const node = made.get(at);
    if (stored.has(at) || seen.has(at) || node === undefined) continue;
    // Units are followed through these operators, and they spell out no size.
    const joins = node.op === 'Concat' || (movesAll(node) && node.op !== 'Reshape');
    if (node.domain !== '' || !joins) return false;
    seen.add(at);
    todo.push(...node.inputs);
  }
  return true;
}
