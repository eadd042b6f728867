import { differentiate } from '../autodiff/differentiate.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Model } from '../graph/types.ts';
import { detachLookups, type Lookup } from '../passes/detachLookups.ts';
import { expandCrossEntropy } from '../passes/expandCrossEntropy.ts';
import { fuseLinear } from '../passes/fuseLinear.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { type Mask, maskDropout } from '../passes/maskDropout.ts';
import { type FedParameter, parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { sumsAsProducts } from '../passes/sumsAsProducts.ts';
import { transposeOnce } from '../passes/transposeOnce.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';
import { type BatchShape, LOSS, type LossGraph, type Problem } from '../tasks/task.ts';

/** A graph that scores a batch, with parameters, inputs and targets as feeds. */
export interface ScoringGraph extends Omit<LossGraph, 'lookups'> {
  readonly parameters: readonly FedParameter[];
  readonly lookups: readonly Lookup[];
  /** States that go on from batch to batch; none where the task carries none. */
  readonly states: readonly StatePair[];
  /** Operator sets of the model, of which those of other domains than ONNX's own count. */
  readonly opsets: Model['opsets'];
}

/** A graph that computes loss and gradients of one batch. */
export interface TrainingGraph extends ScoringGraph {
  readonly masks: readonly Mask[];
  /** Gradient output of each parameter, and of each lookup's rows. */
  readonly gradients: ReadonlyMap<string, string>;
}

/** A loss graph with the lookups that the task asks for cut out (tables that are not trained stay in it), and the states. */
function detachedLoss(model: Model, problem: Problem, trained: ReadonlySet<string>, shape: BatchShape | undefined) {
  const loss = problem.lossGraph(model, shape);
  const inputs = new Set(loss.lookups);
  const { opsets } = model;
  const isWanted = ({ table, indices }: Pick<Lookup, 'table' | 'indices'>) => inputs.has(indices) && trained.has(table);
  const states: readonly StatePair[] = problem.carriesState ? statesOf(model) : [];
  return { ...loss, ...detachLookups(removeDeadNodes(loss.graph), isWanted), states, opsets };
}

/** Loss, sums and next states of a batch, without dropout; `trained` parameters are feeds, so sessions see updates. */
export function scoringGraph(
  model: Model,
  problem: Problem,
  trained: ReadonlySet<string>,
  shape?: BatchShape,
): ScoringGraph {
  const loss = detachedLoss(withoutDropout(model), problem, trained, shape);
  const { graph, parameters } = parametersAsInputs(expandCrossEntropy(loss.graph), trained);
  return { ...loss, graph: removeDeadNodes(graph), parameters };
}

/** The masks of dropout that the training graph of these sizes has, in its order. */
export function dropoutMasks(
  model: Model,
  problem: Problem,
  trained: ReadonlySet<string>,
  shape: BatchShape,
): readonly Mask[] {
  return maskDropout(detachedLoss(model, problem, trained, shape).graph).masks;
}

/** The problem with all tables looked up inside the graph: for weights that stay where the graph runs. */
export function lookingUpInside(problem: Problem): Problem {
  return { ...problem, lossGraph: (model, shape) => ({ ...problem.lossGraph(model, shape), lookups: [] }) };
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
  const loss = detachedLoss(model, problem, trained, shape);
  const { graph: masked, masks } = maskDropout(loss.graph);
  const { graph: fed, parameters } = parametersAsInputs(fuseLinear(masked), trained);
  const wrt = [...parameters.map((p) => p.name), ...loss.lookups.map((l) => l.values)];
  const { graph, gradients } = differentiate(fed, LOSS, wrt);
  const step = hoistLoops(expandCrossEntropy(removeDeadNodes(graph)));
  return { ...loss, graph: transposeOnce(sumsAsProducts(step)), parameters, masks, gradients };
}
