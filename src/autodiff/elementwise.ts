import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import {
  abs,
  add,
  apply,
  cast,
  cos,
  div,
  equal,
  exp,
  greater,
  less,
  log,
  mul,
  neg,
  not,
  type Operand,
  pow,
  reduceSum,
  sigmoid,
  sign,
  sin,
  sub,
  where,
} from '../graph/ops.ts';
import { type GradientContext, type GradientRule, type GradientRules, sumTo, unsupported } from './rule.ts';

/** y = f(x): dx = dy · f'(x), with f' written in terms of x, y and the operator's attributes. */
const slope =
  (derivative: (x: Value, y: Value, c: GradientContext) => Operand): GradientRule =>
  (c) => [mul(c.gradient(), derivative(c.input(0), c.output(0), c))];

const alphaOf = (c: GradientContext, fallback: number) => floatAttribute(c.node, 'alpha', fallback);

/** Selu's constants as ONNX has them. */
const SELU_ALPHA = 1.6732632;
const SELU_GAMMA = 1.050701;

/** Gradients of a binary operator before broadcasting is undone; each is computed only where asked for. */
const binary =
  (left: (c: GradientContext, g: Value) => Value, right: (c: GradientContext, g: Value) => Value): GradientRule =>
  (c) => [
    c.needs(0) ? sumTo(left(c, c.gradient()), c.input(0)) : undefined,
    c.needs(1) ? sumTo(right(c, c.gradient()), c.input(1)) : undefined,
  ];

const passed = (_: GradientContext, g: Value) => g;

/** Max, Min of any number of operands: the gradient goes to the winner, in equal shares when several tie. */
const extremum: GradientRule = (c) => {
  const wins = c.inputs.map((_, i) => cast(equal(c.input(i), c.output(0)), 'float32'));
  const winners = wins.reduce((a, b) => add(a, b));
  const share = div(c.gradient(), winners);
  return c.inputs.map((_, i) => (c.needs(i) ? sumTo(mul(share, wins[i]!), c.input(i)) : undefined));
};

/** The exponent of Pow, which may be an integer. */
function exponent(c: GradientContext): Value {
  const b = c.input(1);
  const { elementType } = c.input(0).type;
  return b.type.elementType === elementType ? b : cast(b, elementType);
}

/** A gradient of Pow's base, 0 where the base is 0 below a root: as of Sqrt. */
function finiteAtZero(c: GradientContext, gradient: Value): Value {
  const known = c.builder.tensorOf(c.input(1));
  if (known && Array.from<unknown, number>(known.data, Number).every((b) => b >= 1)) return gradient;
  return where(apply('And', [equal(c.input(0), 0), less(exponent(c), 1)]), 0, gradient);
}

/** Sum, Mean of any number of operands: each gets the same share of the gradient. */
const shares =
  (share: (count: number) => number): GradientRule =>
  (c) => {
    const factor = share(c.inputs.length);
    const g = factor === 1 ? c.gradient() : mul(c.gradient(), factor);
    return c.inputs.map((_, i) => (c.needs(i) ? sumTo(g, c.input(i)) : undefined));
  };

export const elementwiseGradients = {
  Add: binary(passed, passed),
  Sub: binary(passed, (_, g) => neg(g)),
  Mul: binary(
    (c, g) => mul(g, c.input(1)),
    (c, g) => mul(g, c.input(0)),
  ),
  // y = a / b: da = dy / b, db = −dy · y / b
  Div: binary(
    (c, g) => div(g, c.input(1)),
    (c, g) => neg(div(mul(g, c.output(0)), c.input(1))),
  ),
  // y = a^b: da = dy · b · a^(b−1), db = dy · y · ln a
  Pow: binary(
    (c, g) => finiteAtZero(c, mul(g, mul(exponent(c), pow(c.input(0), sub(exponent(c), 1))))),
    (c, g) => where(equal(c.input(0), 0), 0, mul(g, mul(c.output(0), log(c.input(0))))),
  ),
  Sum: shares(() => 1),
  Mean: shares((count) => 1 / count),
  Max: extremum,
  Min: extremum,
  Neg: (c) => [neg(c.gradient())],
  Exp: slope((_, y) => y),
  Log: (c) => [div(c.gradient(), c.input(0))],
  // The slope at 0 is infinite; what stands below a root is 0 where a magnitude is, which does not change to first order.
  Sqrt: (c) => [where(equal(c.output(0), 0), 0, div(mul(c.gradient(), 0.5), c.output(0)))],
  Reciprocal: slope((_, y) => neg(mul(y, y))),
  Abs: slope(sign),
  Sigmoid: slope((_, y) => mul(y, sub(1, y))),
  Tanh: slope((_, y) => sub(1, mul(y, y))),
  Relu: (c) => [where(greater(c.input(0), 0), c.gradient(), 0)],
  LeakyRelu: (c) => [where(less(c.input(0), 0), mul(c.gradient(), alphaOf(c, 0.01)), c.gradient())],
  Softplus: slope(sigmoid),
  Identity: (c) => [c.gradient()],
  Where: (c) => [
    undefined,
    c.needs(1) ? sumTo(where(c.input(0), c.gradient(), 0), c.input(1)) : undefined,
    c.needs(2) ? sumTo(where(not(c.input(0)), c.gradient(), 0), c.input(2)) : undefined,
  ],
  Cast: (c) => {
    const from = c.input(0).type.elementType;
    return [from === 'float32' || from === 'float64' || from === 'float16' ? cast(c.gradient(), from) : undefined];
  },
  // Without training_mode the operator passes its input through; `maskDropout` makes masks before differentiation.
  Dropout: (c) => {
    if (c.inputs[2]) unsupported(c, 'replace it by seeded masks first (maskDropout)');
    return [c.gradient()];
  },
  /** softmax: dx = y ⊙ (dy − Σ dy ⊙ y), the sum along the axis. */
  Softmax: (c) => {
    const y = c.output(0);
    const axis = intAttribute(c.node, 'axis', -1);
    const g = c.gradient();
    return [mul(y, sub(g, reduceSum(mul(g, y), [axis], true)))];
  },
  /** log softmax: dx = dy − exp(y) ⊙ Σ dy, the sum along the axis. */
  LogSoftmax: (c) => {
    const g = c.gradient();
    const axis = intAttribute(c.node, 'axis', -1);
    return [sub(g, mul(exp(c.output(0)), reduceSum(g, [axis], true)))];
  },
  // y = α(eˣ − 1) below 0
  Elu: slope((x, y, c) => where(greater(x, 0), 1, add(y, alphaOf(c, 1)))),
  // y = α(e^(x/α) − 1) below 0
  Celu: slope((x, y, c) => where(greater(x, 0), 1, add(div(y, alphaOf(c, 1)), 1))),
  // y = γα(eˣ − 1) below 0, γx above
  Selu: slope((x, y, c) => {
    const gamma = floatAttribute(c.node, 'gamma', SELU_GAMMA);
    return where(greater(x, 0), gamma, add(y, gamma * alphaOf(c, SELU_ALPHA)));
  }),
  // y = min(1, max(0, αx + β))
  HardSigmoid: slope((_, y, c) => where(equal(mul(y, sub(1, y)), 0), 0, alphaOf(c, 0.2))),
  // y = x · min(1, max(0, x/6 + 1/2))
  HardSwish: slope((x) => where(less(x, -3), 0, where(greater(x, 3), 1, add(div(x, 3), 0.5)))),
  // y = x / (1 + |x|), so that 1 / (1 + |x|) = 1 − |y|
  Softsign: slope((_, y) => {
    const rest = sub(1, abs(y));
    return mul(rest, rest);
  }),
  ThresholdedRelu: (c) => [where(greater(c.input(0), alphaOf(c, 1)), c.gradient(), 0)],
  /** Clip passes the gradient where it changed nothing. */
  Clip: (c) => {
    if (c.needs(1) || c.needs(2)) unsupported(c, 'its limits must be constants');
    return [where(equal(c.input(0), c.output(0)), c.gradient(), 0)];
  },
  /** PRelu: y = x < 0 ? slope · x : x, the slope being broadcast to x. */
  PRelu: (c) => {
    const [x, a, g] = [c.input(0), c.input(1), c.gradient()];
    const negative = less(x, 0);
    return [
      c.needs(0) ? where(negative, mul(g, a), g) : undefined,
      c.needs(1) ? sumTo(where(negative, mul(g, x), 0), a) : undefined,
    ];
  },
  Erf: slope((x) => mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  Sin: slope(cos),
  Cos: slope((x) => neg(sin(x))),
} satisfies GradientRules;
