import type { Value } from '../../graph/builder.ts';
import type { Op } from '../../graph/operators.ts';
import {
  apply,
  cast,
  equal,
  gatherElements,
  greater,
  logSoftmax,
  mul,
  neg,
  squeeze,
  sub,
  unsqueeze,
} from '../../graph/ops.ts';

/** A way to score a model's output against targets. */
export interface Loss {
  /** True when the output has an axis of classes that the targets do not have: scores [R, C] against indices [R]. */
  readonly classes: boolean;
  /** Activations at the end of a model whose input the loss takes instead, exact where they saturate. */
  readonly undoes: readonly Op[];
  /**
   * The formula for R places (examples, steps, entries of vectors) side by side: from targets int64 [R] for classes, else
   * float32 [R] like the scores, to losses float32 [R] and 1 where the prediction is right, else 0 [R], if there is right.
   */
  terms(scores: Value, targets: Value): { readonly losses: Value; readonly correct: Value | undefined };
}

/** −log softmax(scores)[target] */
const crossEntropy: Loss = {
  classes: true,
  undoes: ['Softmax', 'LogSoftmax'],
  terms(scores, targets) {
    const own = gatherElements(logSoftmax(scores, 1), unsqueeze(targets, [1]), 1);
    const best = apply('ArgMax', [scores], { axis: 1, keepdims: 0 });
    return { losses: neg(squeeze(own, [1])), correct: cast(equal(best, targets), 'float32') };
  },
};

/** (score − target)² */
const meanSquaredError: Loss = {
  classes: false,
  undoes: [],
  terms(scores, targets) {
    const difference = sub(scores, targets);
    return { losses: mul(difference, difference), correct: undefined };
  },
};

/** −t · log σ(x) − (1 − t) · log(1 − σ(x)) = log(1 + eˣ) − t · x */
const binaryCrossEntropy: Loss = {
  classes: false,
  undoes: ['Sigmoid'],
  terms(scores, targets) {
    const right = equal(cast(greater(scores, 0), 'float32'), cast(greater(targets, 0.5), 'float32'));
    return { losses: sub(apply('Softplus', [scores]), mul(targets, scores)), correct: cast(right, 'float32') };
  },
};

/** The losses by the names that the command line gives them. */
export const losses = {
  'cross-entropy': crossEntropy,
  mse: meanSquaredError,
  bce: binaryCrossEntropy,
} as const satisfies Readonly<Record<string, Loss>>;

/** Name of a loss. */
export type LossName = keyof typeof losses;
