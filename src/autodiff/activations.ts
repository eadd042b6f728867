import { floatAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import {
  abs,
  add,
  cos,
  div,
  equal,
  exp,
  greater,
  less,
  mul,
  neg,
  type Operand,
  sin,
  sub,
  where,
} from '../graph/ops.ts';
import {
  type GradientContext,
  type GradientRule,
  type GradientRules,
  gradient,
  input,
  output,
  sumTo,
  unsupported,
} from './rule.ts';

/** y = f(x): dx = dy · f'(x), with f' written in terms of x, y and the operator's attributes. */
const slope =
  (derivative: (x: Value, y: Value, c: GradientContext) => Operand): GradientRule =>
  (c) => [mul(gradient(c), derivative(input(c, 0), output(c, 0), c))];

/** y = f(x): dx = dy where the condition holds, else 0. */
const passing =
  (condition: (x: Value, y: Value, c: GradientContext) => Value): GradientRule =>
  (c) => [where(condition(input(c, 0), output(c, 0), c), gradient(c), 0)];

const alphaOf = (c: GradientContext, fallback: number) => floatAttribute(c.node, 'alpha', fallback);

/** Selu's constants as ONNX has them. */
const SELU_ALPHA = 1.6732632;
const SELU_GAMMA = 1.050701;

/** PRelu: y = x < 0 ? slope · x : x, the slope being broadcast to x. */
const pReluRule: GradientRule = (c) => {
  const [x, a, g] = [input(c, 0), input(c, 1), gradient(c)];
  const negative = less(x, 0);
  return [
    c.needs(0) ? where(negative, mul(g, a), g) : undefined,
    c.needs(1) ? sumTo(where(negative, mul(g, x), 0), a) : undefined,
  ];
};

/** Clip passes the gradient where it changed nothing. */
const clipRule: GradientRule = (c) => {
  if (c.needs(1) || c.needs(2)) unsupported(c, 'its limits must be constants');
  return [where(equal(input(c, 0), output(c, 0)), gradient(c), 0)];
};

export const activationGradients = {
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
  Softsign: (c) => {
    const rest = sub(1, abs(output(c, 0)));
    return [mul(gradient(c), mul(rest, rest))];
  },
  ThresholdedRelu: passing((x, _, c) => greater(x, alphaOf(c, 1))),
  Clip: clipRule,
  PRelu: pReluRule,
  Erf: slope((x) => mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  Sin: slope((x) => cos(x)),
  Cos: slope((x) => neg(sin(x))),
} satisfies GradientRules;
