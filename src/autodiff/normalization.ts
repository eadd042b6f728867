import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { add, div, mul, neg, reduceMean, reduceSum, reshape, sqrt, sub } from '../graph/ops.ts';
import { type GradientRules, rankOf, sumTo, unsupported } from './rule.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** x̂ = (x − μ) · r and r = 1 / √(σ² + ε), with μ and σ² taken over `axes` of x. */
function standardized(x: Value, axes: readonly number[], epsilon: number): { normal: Value; rate: Value } {
  const centred = sub(x, reduceMean(x, axes, true));
  const rate = div(1, sqrt(add(reduceMean(mul(centred, centred), axes, true), epsilon)));
  return { normal: mul(centred, rate), rate };
}

/** dx = r · (dx̂ − mean(dx̂) − x̂ · mean(dx̂ ⊙ x̂)), the means over the axes that were normalised. */
function throughStatistics(dNormal: Value, normal: Value, rate: Value, axes: readonly number[]): Value {
  const along = mul(normal, reduceMean(mul(dNormal, normal), axes, true));
  return mul(rate, sub(sub(dNormal, reduceMean(dNormal, axes, true)), along));
}

/** A vector with one entry per channel (axis 1) in a shape that broadcasts against x. */
function perChannel(vector: Value, rank: number): Value {
  return reshape(vector, [-1, ...range(2, rank).map(() => 1)]);
}

/** Sums over all axes but the channels. */
function sumPerChannel(x: Value): Value {
  const others = range(0, rankOf(x)).filter((axis) => axis !== 1);
  return reduceSum(x, others);
}

export const normalizationGradients = {
  /** LayerNormalization: statistics over the axes from `axis` on; γ and β broadcast to x. */
  LayerNormalization: (c) => {
    if (c.gradients[1] ?? c.gradients[2]) unsupported(c, 'its mean and deviation have no gradient here');
    const [x, scale, g] = [c.input(0), c.input(1), c.gradient()];
    const rank = rankOf(x);
    const first = normalizeAxis(intAttribute(c.node, 'axis', -1), rank) ?? unsupported(c, 'its axis does not exist');
    const axes = range(first, rank);
    const { normal, rate } = standardized(x, axes, floatAttribute(c.node, 'epsilon', 1e-5));
    return [
      c.needs(0) ? throughStatistics(mul(g, scale), normal, rate, axes) : undefined,
      c.needs(1) ? sumTo(mul(g, normal), scale) : undefined,
      c.inputs[2] && c.needs(2) ? sumTo(g, c.input(2)) : undefined,
    ];
  },
  /** InstanceNormalization: statistics over the axes after batch and channels; γ and β per channel. */
  InstanceNormalization: (c) => {
    const [x, scale, g] = [c.input(0), c.input(1), c.gradient()];
    const axes = range(2, rankOf(x));
    const { normal, rate } = standardized(x, axes, floatAttribute(c.node, 'epsilon', 1e-5));
    return [
      c.needs(0) ? throughStatistics(mul(g, perChannel(scale, rankOf(x))), normal, rate, axes) : undefined,
      c.needs(1) ? sumPerChannel(mul(g, normal)) : undefined,
      c.needs(2) ? sumPerChannel(g) : undefined,
    ];
  },
  /**
   * BatchNormalization as it is used, y = (x − μ) · r · γ + β with μ and σ² given per channel:
   *   dμ = −Σ dy · γ · r,  dσ² = −½ Σ dy · γ · (x − μ) · r³.
   */
  BatchNormalization: (c) => {
    if (intAttribute(c.node, 'training_mode', 0) !== 0)
      unsupported(c, 'only its form for inference has a gradient here');
    const [x, scale, g] = [c.input(0), c.input(1), c.gradient()];
    const rank = rankOf(x);
    const epsilon = floatAttribute(c.node, 'epsilon', 1e-5);
    const rate = perChannel(div(1, sqrt(add(c.input(4), epsilon))), rank);
    const normal = () => mul(sub(x, perChannel(c.input(3), rank)), rate);
    const scaled = () => mul(g, perChannel(scale, rank));
    return [
      c.needs(0) ? mul(g, mul(perChannel(scale, rank), rate)) : undefined,
      c.needs(1) ? sumPerChannel(mul(g, normal())) : undefined,
      c.needs(2) ? sumPerChannel(g) : undefined,
      c.needs(3) ? neg(sumPerChannel(mul(scaled(), rate))) : undefined,
      c.needs(4) ? mul(sumPerChannel(mul(mul(scaled(), normal()), mul(rate, rate))), -0.5) : undefined,
    ];
  },
} satisfies GradientRules;
