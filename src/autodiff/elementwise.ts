import { intAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import {
  add,
  cast,
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

/** y = f(x): dx = dy · f'(x), with f' written in terms of x and y. */
const unary =
  (derivative: (x: Value, y: Value) => Operand): GradientRule =>
  (c) => [mul(gradient(c), derivative(input(c, 0), output(c, 0)))];

/** Gradients of a binary operator before broadcasting is undone; each is computed only where asked for. */
const binary =
  (left: (c: GradientContext, g: Value) => Value, right: (c: GradientContext, g: Value) => Value): GradientRule =>
  (c) => [
    c.needs(0) ? sumTo(left(c, gradient(c)), input(c, 0)) : undefined,
    c.needs(1) ? sumTo(right(c, gradient(c)), input(c, 1)) : undefined,
  ];

/** Max, Min of any number of operands: the gradient goes to the winner, in equal shares when several tie. */
const extremum: GradientRule = (c) => {
  const wins = c.inputs.map((_, i) => cast(equal(input(c, i), output(c, 0)), 'float32'));
  const share = div(
    gradient(c),
    wins.reduce((a, b) => add(a, b)),
  );
  return c.inputs.map((_, i) => (c.needs(i) ? sumTo(mul(share, wins[i]!), input(c, i)) : undefined));
};

/** The exponent of Pow, which may be an integer. */
function exponent(c: GradientContext): Value {
  const b = input(c, 1);
  const { elementType } = input(c, 0).type;
  return b.type.elementType === elementType ? b : cast(b, elementType);
}

/** Sum, Mean of any number of operands: each gets the same share of the gradient. */
const shares =
  (share: (count: number) => number): GradientRule =>
  (c) => {
    const factor = share(c.inputs.length);
    const g = factor === 1 ? gradient(c) : mul(gradient(c), factor);
    return c.inputs.map((_, i) => (c.needs(i) ? sumTo(g, input(c, i)) : undefined));
  };

/** softmax: dx = y ⊙ (dy − Σ dy ⊙ y), the sum along the axis. */
const softmaxRule: GradientRule = (c) => {
  const y = output(c, 0);
  const axis = intAttribute(c.node, 'axis', -1);
  const g = gradient(c);
  return [mul(y, sub(g, reduceSum(mul(g, y), [axis], true)))];
};

/** log softmax: dx = dy − exp(y) ⊙ Σ dy, the sum along the axis. */
const logSoftmaxRule: GradientRule = (c) => {
  const g = gradient(c);
  const axis = intAttribute(c.node, 'axis', -1);
  return [sub(g, mul(exp(output(c, 0)), reduceSum(g, [axis], true)))];
};

export const elementwiseGradients = {
  Add: binary(
    (_, g) => g,
    (_, g) => g,
  ),
  Sub: binary(
    (_, g) => g,
    (_, g) => neg(g),
  ),
  Mul: binary(
    (c, g) => mul(g, input(c, 1)),
    (c, g) => mul(g, input(c, 0)),
  ),
  // y = a / b: da = dy / b, db = −dy · y / b
  Div: binary(
    (c, g) => div(g, input(c, 1)),
    (c, g) => neg(div(mul(g, output(c, 0)), input(c, 1))),
  ),
  // y = a^b: da = dy · b · a^(b−1), db = dy · y · ln a
  Pow: binary(
    (c, g) => mul(g, mul(exponent(c), pow(input(c, 0), sub(exponent(c), 1)))),
    (c, g) => mul(g, mul(output(c, 0), log(input(c, 0)))),
  ),
  Sum: shares(() => 1),
  Mean: shares((count) => 1 / count),
  Max: extremum,
  Min: extremum,
  Neg: (c) => [neg(gradient(c))],
  Exp: unary((_, y) => y),
  Log: (c) => [div(gradient(c), input(c, 0))],
  Sqrt: (c) => [div(mul(gradient(c), 0.5), output(c, 0))],
  Reciprocal: unary((_, y) => neg(mul(y, y))),
  Abs: unary((x) => sign(x)),
  Sigmoid: unary((_, y) => mul(y, sub(1, y))),
  Tanh: unary((_, y) => sub(1, mul(y, y))),
  Relu: (c) => [where(greater(input(c, 0), 0), gradient(c), 0)],
  LeakyRelu: (c) => {
    const alpha = c.node.attributes.alpha;
    const slope = alpha?.type === 'float' ? alpha.value : 0.01;
    return [where(less(input(c, 0), 0), mul(gradient(c), slope), gradient(c))];
  },
  Softplus: unary((x) => sigmoid(x)),
  Identity: (c) => [gradient(c)],
  Where: (c) => [
    undefined,
    c.needs(1) ? sumTo(where(input(c, 0), gradient(c), 0), input(c, 1)) : undefined,
    c.needs(2) ? sumTo(where(not(input(c, 0)), gradient(c), 0), input(c, 2)) : undefined,
  ],
  Cast: (c) => {
    const from = input(c, 0).type.elementType;
    return [from === 'float32' || from === 'float64' || from === 'float16' ? cast(gradient(c), from) : undefined];
  },
  // Without training_mode the operator passes its input through; `maskDropout` makes masks before differentiation.
  Dropout: (c) => {
    if (c.inputs[2]) unsupported(c, 'replace it by seeded masks first (maskDropout)');
    return [gradient(c)];
  },
  Softmax: softmaxRule,
  LogSoftmax: logSoftmaxRule,
} satisfies GradientRules;
