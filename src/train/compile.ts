import { differentiate } from '../autodiff/differentiate.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { detachLookups, type Lookup } from '../passes/detachLookups.ts';
import { expandCrossEntropy } from '../passes/expandCrossEntropy.ts';
import { fuseLinear } from '../passes/fuseLinear.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { type Mask, maskDropout } from '../passes/maskDropout.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { type BatchShape, LOSS, type LossGraph, type Problem } from '../tasks/task.ts';

/*
 * From a model to the graphs that are run in training: each takes parameters, inputs and targets as feeds.
 */

/** A parameter as the graph takes it. */
export interface ParameterInput {
  readonly name: string;
  /** Dimensions of the feed: the stored ones, without leading axes of size 1 where the graph drops them. */
  readonly dims: readonly number[];
}

/** A graph that scores a batch, and what to feed it. */
export interface ScoringGraph extends Omit<LossGraph, 'lookups'> {
  readonly parameters: readonly ParameterInput[];
  readonly lookups: readonly Lookup[];
  /** States that go on from batch to batch; none where the task carries none. */
  readonly states: readonly StatePair[];
}

/** A graph that computes loss and gradients of one batch. */
export interface TrainingGraph extends ScoringGraph {
  readonly masks: readonly Mask[];
  /** Gradient output of each parameter, and of each lookup's rows. */
  readonly gradients: ReadonlyMap<string, string>;
}

/** Cuts the embedding lookups that a task asks for out of a loss graph; tables that are not trained stay in it. */
function detached({ graph, lookups }: LossGraph, trained: ReadonlySet<string>): ReturnType<typeof detachLookups> {
  const inputs = new Set(lookups);
  return detachLookups(graph, ({ table, indices }) => inputs.has(indices) && trained.has(table));
}

function carriedStates(model: Model, problem: Problem): readonly StatePair[] {
  return problem.carriesState ? statesOf(model) : [];
}

/**
 * Scoring: loss, sums and next states of a batch, without dropout; `trained` parameters are feeds, so that a session sees
 * every update without being made anew.
 */
export function scoringGraph(
  model: Model,
  problem: Problem,
  trained: ReadonlySet<string>,
  shape?: BatchShape,
): ScoringGraph {
  const loss = problem.lossGraph(withoutDropout(model), shape);
  const { graph, lookups } = detached({ ...loss, graph: removeDeadNodes(loss.graph) }, trained);
  const { graph: fed, parameters } = parametersAsInputs(expandCrossEntropy(graph), trained);
  return { ...loss, graph: removeDeadNodes(fed), parameters, lookups, states: carriedStates(model, problem) };
}

/**
 * Training: loss and sums of a batch of these sizes, the gradient with respect to every parameter that is trained and to
 * every looked-up row, and the next states. All of a step but the update is in this one graph.
 */
export function trainingGraph(
  model: Model,
  problem: Problem,
  trained: ReadonlySet<string>,
  shape: BatchShape,
): TrainingGraph {
  const loss = problem.lossGraph(model, shape);
  const { graph: cut, lookups } = detached(loss, trained);
  const { graph: masked, masks } = maskDropout(removeDeadNodes(cut));
  const { graph: fed, parameters } = parametersAsInputs(fuseLinear(masked), trained);
  const wrt = [...parameters.map((p) => p.name), ...lookups.map((l) => l.values)];
  const { graph, gradients } = differentiate(fed, LOSS, wrt);
  const made = hoistLoops(expandCrossEntropy(removeDeadNodes(graph)));
  return { ...loss, graph: made, parameters, lookups, masks, states: carriedStates(model, problem), gradients };
}
