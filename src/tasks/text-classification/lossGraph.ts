import { floats, int64s } from '../../graph/attributes.ts';
import { GraphBuilder, type Value } from '../../graph/builder.ts';
import { apply, cast, div, equal, gather, matmul, max, mul, reduceSum, transpose, unsqueeze } from '../../graph/ops.ts';
import type { Model } from '../../graph/types.ts';
import { LOGITS, TOKENS } from '../../models/languageModel.ts';
import { bindDims } from '../../passes/bindDims.ts';
import { asFloat32Graph } from '../../passes/float32.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import { toOwnOpset } from '../../passes/toOwnOpset.ts';
import { losses } from '../arrays/losses.ts';
import { type BatchShape, LOSS, type LossGraph, TARGETS } from '../task.ts';

/** Input that is 1 for an example that counts and 0 for one that only fills a batch up, float32 [B]. */
export const COUNTS = 'counts';
/** Output with the number of right predictions. */
export const CORRECT = 'correct';
/** Output with the number of examples of each class (row) by the class that they were taken for (column) [C, C]. */
export const CONFUSION = 'confusion';

/**
 * Adds to a classifier's graph the mean over the examples that count of w(class) · −log softmax(logits)[class], and the
 * sums for its scores. `weights` are those of the classes [C]; all 1 when left out.
 */
export function textLossGraph(
  model: Model,
  classes: number,
  weights: readonly number[] | undefined,
  shape: BatchShape | undefined,
): LossGraph {
  const graph = asFloat32Graph(toOwnOpset(model));
  const b = GraphBuilder.from(lowerRecurrent(shape ? bindDims(graph, shape) : graph), { keepOutputs: false });
  const logits = b.value(LOGITS);
  const batch = logits.type.shape?.[0] ?? 'batch';
  const targets = cast(b.input(TARGETS, 'int32', [batch]), 'int64');
  const counts = b.input(COUNTS, 'float32', [batch]);
  const { losses: each, correct } = losses['cross-entropy'].terms(logits, targets);
  const weighted = weights ? mul(each, gather(b.constant(floats([classes], weights)), targets)) : each;
  b.output(div(reduceSum(mul(weighted, counts)), max(reduceSum(counts), 1)), LOSS);
  b.output(reduceSum(mul(correct!, counts)), CORRECT);
  const actual = mul(oneHot(targets, classes), unsqueeze(counts, [1]));
  const predicted = oneHot(apply('ArgMax', [logits], { axis: 1, keepdims: 0 }), classes);
  b.output(matmul(transpose(actual, [1, 0]), predicted), CONFUSION);
  return {
    graph: b.build(),
    sums: { [CORRECT]: 'sum', [CONFUSION]: 'sum' },
    reduction: 'mean',
    gradientScale: 1,
    lookups: [TOKENS],
  };
}

/** Indices int64 [B] → float32 [B, C], 1 at the index. */
function oneHot(indices: Value, classes: number): Value {
  const all = indices.builder.constant(int64s([classes], [...Array(classes).keys()]));
  return cast(equal(unsqueeze(indices, [1]), all), 'float32');
}

/** Weights N / (C · own examples) by which rare classes count as much as frequent ones; 0 for one without examples. */
export function balancedWeights(classes: Int32Array, count: number): number[] {
  const examples = new Array<number>(count).fill(0);
  for (const k of classes) examples[k]!++;
  return examples.map((own) => (own === 0 ? 0 : classes.length / (count * own)));
}
