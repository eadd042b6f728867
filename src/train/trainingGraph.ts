import { differentiate } from '../autodiff/differentiate.ts';
import { SlimError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { multiplyDims } from '../graph/dims.ts';
import { crossEntropy, flatten } from '../graph/ops.ts';
import { removeDeadNodes } from '../graph/rewrite.ts';
import { type StatePair, statesOf } from '../graph/states.ts';
import type { Graph, Model } from '../graph/types.ts';
import { bindDims } from '../passes/bindDims.ts';
import { detachLookups, type Lookup } from '../passes/detachLookups.ts';
import { expandCrossEntropy } from '../passes/expandCrossEntropy.ts';
import { fuseLinear } from '../passes/fuseLinear.ts';
import { hoistLoops } from '../passes/hoistLoops.ts';
import { lowerRecurrent } from '../passes/lowerRecurrent.ts';
import { type Mask, maskDropout } from '../passes/maskDropout.ts';
import { parametersAsInputs } from '../passes/parametersAsInputs.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';

/** Input that takes the target indices, int32 [T·B] in the order of the logits' rows. */
export const TARGETS = 'targets';
/** Output with the total cross entropy of the window in nats. */
export const LOSS = 'loss';

/** A parameter as the graph takes it. */
export interface ParameterInput {
  readonly name: string;
  /** Dimensions of the feed: the stored ones, without leading axes of size 1 where the graph drops them. */
  readonly dims: readonly number[];
}

/** A graph that scores a window of text, and what to feed it. */
export interface ScoringGraph {
  readonly graph: Graph;
  readonly parameters: readonly ParameterInput[];
  readonly lookups: readonly Lookup[];
  readonly states: readonly StatePair[];
}

/** A graph that computes loss and gradients of one window. */
export interface TrainingGraph extends ScoringGraph {
  readonly masks: readonly Mask[];
  /** Gradient output of each parameter, and of each lookup's rows. */
  readonly gradients: ReadonlyMap<string, string>;
}

/** A language model's graph with the total cross entropy of `logits` against targets in place of the logits. */
function withLoss(graph: Graph, logits: string): Graph {
  const b = GraphBuilder.from(graph, { keepOutputs: false });
  const found = graph.outputs.find((o) => o.name === logits);
  if (found === undefined) throw new SlimError(`the model has no output '${logits}' to score`);
  const scores = b.value(logits);
  const shape = scores.type.shape ?? [];
  const rows = shape.length === 2 ? scores : flatten(scores, shape.length - 1);
  const targets = b.input(TARGETS, 'int32', [multiplyDims(shape.slice(0, -1))]);
  b.output(crossEntropy(rows, targets), LOSS);
  return { ...b.build(), outputs: [...b.build().outputs, ...graph.outputs.filter((o) => o.name !== logits)] };
}

/**
 * Cuts the embedding lookups out of a language model's graph. All must take their indices from one input, the words of
 * the window, because that is all that training and evaluation feed.
 */
function detachWords(graph: Graph): ReturnType<typeof detachLookups> {
  const detached = detachLookups(graph);
  const inputs = new Set(detached.lookups.map((l) => l.indices));
  if (inputs.size > 1) {
    throw new SlimError(
      `the model looks words up by ${[...inputs].join(' and ')}, but only one input of words can be fed`,
    );
  }
  return detached;
}

/**
 * Evaluation: loss and next states of a window of any batch and time, without dropout.
 * Sessions over it take the parameters as feeds, so that they see every update without being made anew.
 */
export function scoringGraph(model: Model, logits: string): ScoringGraph {
  const { graph, lookups } = detachWords(withLoss(lowerRecurrent(withoutDropout(model).graph), logits));
  const { graph: fed, parameters } = parametersAsInputs(expandCrossEntropy(graph));
  return { graph: removeDeadNodes(fed), parameters, lookups, states: statesOf(model) };
}

/**
 * Training: total cross entropy of one window of `batch` sequences over `time` steps, its gradient with respect to
 * every parameter and every looked-up row, and the next states. Everything before the update of one step of truncated
 * back-propagation through time is in this one graph.
 */
export function trainingGraph(model: Model, logits: string, sizes: { batch: number; time: number }): TrainingGraph {
  const bound = bindDims(lowerRecurrent(model.graph), { ...sizes });
  const { graph: detached, lookups } = detachWords(bound);
  const { graph: masked, masks } = maskDropout(withLoss(detached, logits));
  const { graph: fed, parameters } = parametersAsInputs(fuseLinear(masked));
  const wrt = [...parameters.map((p) => p.name), ...lookups.map((l) => l.values)];
  const { graph, gradients } = differentiate(fed, LOSS, wrt);
  return {
    graph: hoistLoops(expandCrossEntropy(removeDeadNodes(graph))),
    parameters,
    lookups,
    masks,
    states: statesOf(model),
    gradients,
  };
}
