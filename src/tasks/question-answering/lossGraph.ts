import { GraphBuilder } from '../../graph/builder.ts';
import { add, cast, div, max, mul, reduceSum, split, squeeze } from '../../graph/ops.ts';
import type { Model } from '../../graph/types.ts';
import { QUESTION_OUTPUTS } from '../../models/bidaf.ts';
import { bindDims } from '../../passes/bindDims.ts';
import { asFloat32Graph } from '../../passes/float32.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import { toOwnOpset } from '../../passes/toOwnOpset.ts';
import { losses } from '../arrays/losses.ts';
import { type BatchShape, LOSS, type LossGraph, TARGETS } from '../task.ts';
import { withFedVectors } from './fedVectors.ts';
import { EXACT, OVERLAP } from './scores.ts';

/** Input that is 1 for a question that counts and 0 for one that only fills a batch up, float32 [B]. */
export const COUNTS = 'counts';

/**
 * Adds to a model's graph the mean over the questions that count of −log p(first word) − log p(last word) (Seo et al.
 * 2017, equation 5). The vectors that are not trained leave the graph: they are fed, so that no session holds the table.
 */
export function questionLossGraph(model: Model, shape: BatchShape | undefined): LossGraph {
  const graph = asFloat32Graph(toOwnOpset(model));
  const fed = withFedVectors(shape ? bindDims(graph, shape) : graph);
  const b = GraphBuilder.from(lowerRecurrent(fed), { keepOutputs: false });
  const logits = [QUESTION_OUTPUTS.start, QUESTION_OUTPUTS.end].map((name) => b.value(name));
  const batch = logits[0]!.type.shape?.[0] ?? 'batch';
  const places = split(cast(b.input(TARGETS, 'int32', [2, batch]), 'int64'), 2, 0);
  const counts = b.input(COUNTS, 'float32', [batch]);
  const [first, last] = logits.map((own, i) => losses['cross-entropy'].terms(own, squeeze(places[i]!, [0])).losses);
  b.output(div(reduceSum(mul(add(first!, last!), counts)), max(reduceSum(counts), 1)), LOSS);
  for (const value of logits) b.output(value);
  return {
    graph: b.build(),
    sums: {},
    judged: { outputs: logits.map(({ name }) => name), sums: [EXACT, OVERLAP] },
    reduction: 'mean',
    gradientScale: 1,
    lookups: [],
  };
}
