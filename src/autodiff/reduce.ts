import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { isStatic, normalizeAxis, sizeOf } from '../graph/dims.ts';
import { reducedShape } from '../graph/infer/reduce.ts';
import {
  apply,
  cast,
  div,
  equal,
  exp,
  expand,
  mul,
  reduceSum,
  reshape,
  shapeOf,
  sign,
  sub,
  unsqueeze,
  where,
} from '../graph/ops.ts';
import type { Dim } from '../graph/types.ts';
import {
  type GradientContext,
  type GradientRule,
  type GradientRules,
  rankOf,
  shapeOfType,
  unsupported,
} from './rule.ts';

/** Axes of a reduction: attribute, constant input, or all. */
function reducedAxes(c: GradientContext): readonly number[] {
  const rank = rankOf(c.input(0));
  const given = intsAttribute(c.node, 'axes') ?? (c.inputs[1] ? c.builder.knownInts(c.input(1)) : undefined);
  if (given === undefined && c.inputs[1]) unsupported(c, 'its axes must be constant');
  if (given === undefined || given.length === 0) {
    return intAttribute(c.node, 'noop_with_empty_axes', 0) ? [] : Array.from({ length: rank }, (_, i) => i);
  }
  return given.map((a) => normalizeAxis(Number(a), rank) ?? unsupported(c, `axis ${a} does not exist`));
}

/** A reduced value with its axes of size 1 back in place, so that it broadcasts against the input. */
function restored(c: GradientContext, reduced: Value, axes: readonly number[]): Value {
  if (intAttribute(c.node, 'keepdims', 1) !== 0 || axes.length === 0) return reduced;
  const shape = reducedShape(shapeOfType(c.input(0)), axes, true);
  return isStatic(shape) ? reshape(reduced, shape) : unsqueeze(reduced, axes);
}

function expandLike(x: Value, like: Value): Value {
  const shape = shapeOfType(like);
  return expand(x, isStatic(shape) ? shape : shapeOf(like));
}

/** Max and Min: the gradient goes to the extreme entries, in equal shares when several tie. */
const extremeRule: GradientRule = (c) => {
  const axes = reducedAxes(c);
  const x = c.input(0);
  const wins = cast(equal(x, restored(c, c.output(0), axes)), 'float32');
  return [mul(div(wins, reduceSum(wins, axes, true)), restored(c, c.gradient(), axes))];
};

/** y = f(Σ …): dx = dy · (a factor of x and of y, which comes with its axes in place). */
const factorRule =
  (factor: (x: Value, y: Value) => Value): GradientRule =>
  (c) => {
    const axes = reducedAxes(c);
    const x = c.input(0);
    return [mul(restored(c, c.gradient(), axes), factor(x, restored(c, c.output(0), axes)))];
  };

export const reduceGradients = {
  ReduceSum: (c) => [expandLike(restored(c, c.gradient(), reducedAxes(c)), c.input(0))],
  /** Mean: a sum divided by the number of terms, which may be known only at run time. */
  ReduceMean: (c) => {
    const x = c.input(0);
    const axes = reducedAxes(c);
    const sizes: readonly Dim[] = axes.map((a) => shapeOfType(x)[a]!);
    const spread = expandLike(restored(c, c.gradient(), axes), x);
    if (isStatic(sizes)) return [div(spread, sizeOf(sizes))];
    const counts = apply('Gather', [shapeOf(x), c.builder.ints(axes)]);
    return [div(spread, cast(apply('ReduceProd', [counts], { keepdims: 0 }), 'float32'))];
  },
  ReduceMax: extremeRule,
  ReduceMin: extremeRule,
  ReduceL1: factorRule(sign),
  // A norm of 0 has no direction; 0 is among its subgradients.
  ReduceL2: factorRule((x, y) => where(equal(y, 0), 0, div(x, y))),
  ReduceSumSquare: factorRule((x) => mul(x, 2)),
  ReduceLogSumExp: factorRule((x, y) => exp(sub(x, y))),
} satisfies GradientRules;
