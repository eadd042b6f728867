import { SlimError } from '../base/errors.ts';
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { elementTypeOf, isFloat } from '../graph/elementTypes.ts';
import { titleOf } from '../graph/names.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import { convolutionOperators } from './convolution.ts';
import { axisFromFront, type Expression, fixed, rankOf, refuse } from './expression.ts';
import type { Forms, NamedFunction } from './forms.ts';
import { movementOperators } from './movement.ts';
import { quoted, real } from './python.ts';
import { asReal, backTo, choice, isInteger, power } from './resultTypes.ts';
import type { Operands } from './scope.ts';

/*
 * ONNX's operators, as operator set 17 has them, in Python.
 */

/** `torch.tanh(x)` */
const named =
  (op: NamedFunction): Expression =>
  (c) =>
    `${c.forms.functions[op]}(${c.input(0)})`;

/** `a + b` */
const infix =
  (sign: string): Expression =>
  (c) =>
    c.node.inputs.map((_, i) => c.operand(i)).join(` ${sign} `);

/** `torch.maximum(torch.maximum(a, b), c)` */
const nested =
  (op: NamedFunction): Expression =>
  (c) =>
    c.node.inputs.map((_, i) => c.input(i)).reduce((a, b) => `${c.forms.functions[op]}(${a}, ${b})`);

/** A function of an element and of attributes that are reals, with ONNX's defaults. */
const withAttributes =
  (
    defaults: Readonly<Record<string, number>>,
    of: (forms: Forms, x: string, ...values: string[]) => string,
  ): Expression =>
  (c) =>
    of(
      c.forms,
      c.input(0),
      ...Object.entries(defaults).map(([name, value]) => real(floatAttribute(c.node, name, value))),
    );

/** `x.softmax(-1)` */
const overAxis =
  (name: 'softmax' | 'logSoftmax'): Expression =>
  (c) =>
    c.forms[name](c.input(0), intAttribute(c.node, 'axis', -1));

/** The axes of a reduction: all of them where none are named; none where it changes nothing. */
function reducedAxes(c: Operands): number[] {
  const given = intsAttribute(c.node, 'axes') ?? (c.has(1) ? fixed(c, 1, 'axes') : []);
  if (given.length > 0 || intAttribute(c.node, 'noop_with_empty_axes', 0) === 1) return [...given];
  return Array.from({ length: rankOf(c) }, (_, i) => i);
}

/** True where the reduced axes stay with size 1, as in ONNX unless it says otherwise. */
function keepsAxes({ node }: Operands): boolean {
  return intAttribute(node, 'keepdims', 1) !== 0;
}

/** The rest of a reduction: along its axes. */
type Reduced = (x: string, name: Parameters<Forms['reduce']>[0]) => string;

/** A reduction along axes: `x.amax([1], keepdim=True)`. */
const reduction =
  (of: (x: string, reduce: Reduced, forms: Forms) => string): Expression =>
  (c) => {
    const axes = reducedAxes(c);
    if (axes.length === 0) return c.input(0);
    const reduce: Reduced = (x, name) => c.forms.reduce(name, x, axes, keepsAxes(c), c.type(0)?.elementType);
    return of(c.input(0), reduce, c.forms);
  };

/** A reduction that frameworks have for reals alone or end in another type: integers are made reals on the way. */
const reductionOfReals =
  (of: (x: string, reduce: Reduced, forms: Forms) => string): Expression =>
  (c) => {
    const axes = reducedAxes(c);
    if (!isInteger(c) || axes.length === 0) return reduction(of)(c);
    return backTo(
      c,
      of(asReal(c), (x, name) => c.forms.reduce(name, x, axes, keepsAxes(c)), c.forms),
    );
  };

/** A product along axes, from the last one on: PyTorch's runs along one. */
const productAlong: Expression = (c) => {
  const axes = reducedAxes(c).map((axis) => axisFromFront(c, axis));
  const along = (x: string, axis: number) => c.forms.product(x, axis, keepsAxes(c), c.type(0)?.elementType);
  return axes.sort((a, b) => b - a).reduce(along, c.input(0));
};

/** `x.argmax(1, keepdim=True)`: the first of equal ones. */
const place =
  (name: 'argmax' | 'argmin'): Expression =>
  (c) => {
    if (intAttribute(c.node, 'select_last_index', 0) !== 0) refuse(c, 'has the last of equal places');
    return c.forms.place(name, c.input(0), intAttribute(c.node, 'axis', 0), keepsAxes(c));
  };

/** Integers are divided towards zero. */
const divide: Expression = (c) => {
  const isReal = isFloat(c.type(0)?.elementType ?? 'float32');
  return isReal ? infix('/')(c) : c.forms.truncatedQuotient(c, c.operand(0), c.operand(1));
};

/** α A B + β C, of which A and B may be transposed. */
const gemm: Expression = (c) => {
  const side = (i: number, flag: string) =>
    intAttribute(c.node, flag, 0) !== 0 ? c.forms.transposed(c.input(i)) : c.input(i);
  const times = (name: string) => {
    const factor = floatAttribute(c.node, name, 1);
    return factor === 1 ? '' : `${real(factor)} * `;
  };
  const factor = times('alpha');
  const sides = c.forms.matmul(side(0, 'transA'), side(1, 'transB'));
  const product = factor === '' ? sides : `${factor}(${sides})`;
  return c.has(2) ? `${product} + ${times('beta')}${c.input(2)}` : product;
};

const clip: Expression = (c) => {
  const [min, max] = [1, 2].map((i) => (c.has(i) ? c.operand(i) : undefined));
  return min === undefined && max === undefined ? c.input(0) : c.forms.clamp(c.input(0), min, max);
};

const cast: Expression = (c) => {
  const elementType = elementTypeOf(intAttribute(c.node, 'to', 0));
  const dtype = elementType && c.forms.dtype(elementType);
  return dtype === undefined ? refuse(c, 'makes text') : c.forms.cast(c.input(0), dtype);
};

const layerNormalization: Expression = (c) => {
  const [rank, scale] = [rankOf(c), c.stored(1)];
  const axis = normalizeAxis(intAttribute(c.node, 'axis', -1), rank);
  if (axis === undefined || scale?.dims.length !== rank - axis) {
    return refuse(c, 'has a scale of other axes than it normalizes');
  }
  return c.forms.layerNormalization(c, {
    x: c.input(0),
    dims: scale.dims,
    scale: c.input(1),
    bias: c.has(2) ? c.input(2) : undefined,
    epsilon: real(floatAttribute(c.node, 'epsilon', 1e-5)),
  });
};

const batchNormalization: Expression = (c) => {
  if (intAttribute(c.node, 'training_mode', 0) !== 0) refuse(c, 'trains');
  return c.forms.batchNormalization({
    x: c.input(0),
    scale: c.input(1),
    bias: c.input(2),
    mean: c.input(3),
    variance: c.input(4),
    epsilon: real(floatAttribute(c.node, 'epsilon', 1e-5)),
  });
};

/** Running sums from the first element on. */
const cumulate: Expression = (c) => {
  if (intAttribute(c.node, 'exclusive', 0) !== 0 || intAttribute(c.node, 'reverse', 0) !== 0) {
    refuse(c, 'leaves out the element itself or runs in reverse');
  }
  return c.forms.runningSum(c.input(0), fixed(c, 1, 'axis')[0]!, c.type(0)?.elementType);
};

/** An expression for each operator that the module files can hold. */
const expressions: Rules<Expression> = {
  ...movementOperators,
  ...convolutionOperators,
  Abs: named('Abs'),
  Acos: named('Acos'),
  Acosh: named('Acosh'),
  Add: infix('+'),
  And: infix('&'),
  ArgMax: place('argmax'),
  ArgMin: place('argmin'),
  Asin: named('Asin'),
  Asinh: named('Asinh'),
  Atan: named('Atan'),
  Atanh: named('Atanh'),
  BatchNormalization: batchNormalization,
  Cast: cast,
  Ceil: named('Ceil'),
  Celu: withAttributes({ alpha: 1 }, (forms, x, alpha) => forms.celu(x, alpha!)),
  Clip: clip,
  Cos: named('Cos'),
  Cosh: named('Cosh'),
  CumSum: cumulate,
  Div: divide,
  Einsum: (c) => {
    const inputs = c.node.inputs.map((_, i) => c.input(i));
    return c.forms.einsum(quoted(stringAttribute(c.node, 'equation', '')), inputs);
  },
  Elu: withAttributes({ alpha: 1 }, (forms, x, alpha) => forms.elu(x, alpha!)),
  Equal: infix('=='),
  Erf: named('Erf'),
  Exp: named('Exp'),
  Floor: named('Floor'),
  Gemm: gemm,
  Greater: infix('>'),
  GreaterOrEqual: infix('>='),
  HardSigmoid: withAttributes({ alpha: 0.2, beta: 0.5 }, (forms, x, a, b) =>
    forms.clamp(`(${a} * ${x} + ${b})`, '0.0', '1.0'),
  ),
  HardSwish: named('HardSwish'),
  Identity: (c) => c.input(0),
  IsNaN: named('IsNaN'),
  LayerNormalization: layerNormalization,
  LeakyRelu: withAttributes({ alpha: 0.01 }, (forms, x, alpha) => forms.leakyRelu(x, alpha!)),
  Less: infix('<'),
  LessOrEqual: infix('<='),
  Log: named('Log'),
  LogSoftmax: overAxis('logSoftmax'),
  MatMul: (c) => c.forms.matmul(c.input(0), c.input(1)),
  Max: nested('Max'),
  Mean: (c) => `(${infix('+')(c)}) / ${c.node.inputs.length}`,
  Min: nested('Min'),
  Mul: infix('*'),
  Neg: (c) => `-${c.input(0)}`,
  Not: named('Not'),
  Or: infix('|'),
  PRelu: (c) => c.forms.where(`${c.input(0)} < 0`, `${c.input(0)} * ${c.input(1)}`, c.input(0)),
  Pow: power,
  Reciprocal: named('Reciprocal'),
  ReduceL1: reduction((x, reduce, forms) => reduce(forms.absolute(x), 'sum')),
  ReduceL2: reductionOfReals((x, reduce, forms) => forms.root(reduce(forms.square(x), 'sum'))),
  ReduceLogSum: reductionOfReals((x, reduce, forms) => forms.logarithm(reduce(x, 'sum'))),
  ReduceLogSumExp: reductionOfReals((x, reduce) => reduce(x, 'logsumexp')),
  ReduceMax: reduction((x, reduce) => reduce(x, 'amax')),
  ReduceMean: reductionOfReals((x, reduce) => reduce(x, 'mean')),
  ReduceMin: reduction((x, reduce) => reduce(x, 'amin')),
  ReduceProd: productAlong,
  ReduceSum: reduction((x, reduce) => reduce(x, 'sum')),
  ReduceSumSquare: reduction((x, reduce, forms) => reduce(forms.square(x), 'sum')),
  Relu: named('Relu'),
  Round: named('Round'),
  Selu: (c) => {
    const given = c.node.attributes.alpha ?? c.node.attributes.gamma;
    return given === undefined ? named('Selu')(c) : refuse(c, 'has α or γ of its own');
  },
  Sigmoid: named('Sigmoid'),
  Sign: named('Sign'),
  Sin: named('Sin'),
  Sinh: named('Sinh'),
  Softmax: overAxis('softmax'),
  Softplus: named('Softplus'),
  Softsign: named('Softsign'),
  Sqrt: named('Sqrt'),
  Sub: infix('-'),
  Sum: infix('+'),
  Tan: named('Tan'),
  Tanh: named('Tanh'),
  ThresholdedRelu: withAttributes({ alpha: 1 }, (forms, x, alpha) => forms.threshold(x, alpha!)),
  Where: choice,
  Xor: infix('^'),
};

/** What can be done about an operator that has no form, where it is something of its own. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  If: '`slimrnn specialize` decides one that depends on sizes',
};

/** A node as an expression of Python. Throws a SlimError that names the operator when there is none for it. */
export function operatorExpression(c: Operands): string {
  const found = ruleFor(expressions, c.node);
  if (found === undefined) {
    const wayOut = WAYS_OUT[c.node.op] ?? 'run the model as ONNX, or export one that does without this operator';
    throw new SlimError(`${titleOf(c.node)} has no form in ${c.framework} here; ${wayOut}`);
  }
  return found(c);
}
