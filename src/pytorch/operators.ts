import { SlimError } from '../base/errors.ts';
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { elementTypeOf, isFloat } from '../graph/elementTypes.ts';
import { titleOf } from '../graph/names.ts';
import { type Rules, ruleFor } from '../graph/rules.ts';
import { convolutionOperators } from './convolution.ts';
import { axisFromFront, type Expression, fixed, rankOf, refuse } from './expression.ts';
import { movementOperators } from './movement.ts';
import { dtypeOf, list, quoted, real } from './python.ts';
import { asReal, backTo, choice, isInteger, power, sameType } from './resultTypes.ts';
import type { Operands } from './scope.ts';

/*
 * ONNX's operators, as operator set 17 has them, in PyTorch.
 */

/** `torch.tanh(x)` */
const call =
  (name: string): Expression =>
  (c) =>
    `${name}(${c.input(0)})`;

/** `a + b` */
const infix =
  (sign: string): Expression =>
  (c) =>
    c.node.inputs.map((_, i) => c.operand(i)).join(` ${sign} `);

/** `torch.maximum(torch.maximum(a, b), c)` */
const nested =
  (name: string): Expression =>
  (c) =>
    c.node.inputs.map((_, i) => c.input(i)).reduce((a, b) => `${name}(${a}, ${b})`);

/** A function of an element and of attributes that are reals, with ONNX's defaults. */
const withAttributes =
  (defaults: Readonly<Record<string, number>>, of: (x: string, ...values: string[]) => string): Expression =>
  (c) =>
    of(c.input(0), ...Object.entries(defaults).map(([name, value]) => real(floatAttribute(c.node, name, value))));

/** `x.softmax(-1)` */
const overAxis =
  (method: string): Expression =>
  (c) =>
    `${c.input(0)}.${method}(${intAttribute(c.node, 'axis', -1)})`;

/** The axes of a reduction: all of them where none are named; none where it changes nothing. */
function reducedAxes(c: Operands): number[] {
  const given = intsAttribute(c.node, 'axes') ?? (c.has(1) ? fixed(c, 1, 'axes') : []);
  if (given.length > 0 || intAttribute(c.node, 'noop_with_empty_axes', 0) === 1) return [...given];
  return Array.from({ length: rankOf(c) }, (_, i) => i);
}

/** `, keepdim=True`, as ONNX's reductions do unless they say otherwise. */
function keepdim({ node }: Operands): string {
  return intAttribute(node, 'keepdims', 1) !== 0 ? ', keepdim=True' : '';
}

/** A reduction along axes: `x.amax([1], keepdim=True)`. */
const reduction =
  (of: (x: string, options: string) => string): Expression =>
  (c) => {
    const axes = reducedAxes(c);
    return axes.length === 0 ? c.input(0) : of(c.input(0), `${list(axes)}${keepdim(c)}`);
  };

/** A reduction that PyTorch has for reals alone or ends in another type: integers are made reals on the way. */
const reductionOfReals =
  (of: (x: string, options: string) => string): Expression =>
  (c) => {
    const axes = reducedAxes(c);
    if (!isInteger(c) || axes.length === 0) return reduction(of)(c);
    return backTo(c, of(asReal(c), `${list(axes)}${keepdim(c)}`));
  };

/** A reduction that adds up, in the type of its input. */
const sum =
  (of: (x: string) => string): Expression =>
  (c) =>
    reduction((x, options) => `${of(x)}.sum(${options}${sameType(c)})`)(c);

/** A product along axes, from the last one on: PyTorch's runs along one. */
const productAlong: Expression = (c) => {
  const axes = reducedAxes(c).map((axis) => axisFromFront(c, axis));
  const options = `${keepdim(c)}${sameType(c)}`;
  return axes.sort((a, b) => b - a).reduce((x, axis) => `${x}.prod(${axis}${options})`, c.input(0));
};

/** `x.argmax(1, keepdim=True)`: the first of equal ones. */
const place =
  (method: string): Expression =>
  (c) => {
    if (intAttribute(c.node, 'select_last_index', 0) !== 0) refuse(c, 'has the last of equal places');
    return `${c.input(0)}.${method}(${intAttribute(c.node, 'axis', 0)}${keepdim(c)})`;
  };

/** Integers are divided towards zero. */
const divide: Expression = (c) => {
  const isReal = isFloat(c.type(0)?.elementType ?? 'float32');
  return isReal ? infix('/')(c) : `torch.div(${c.operand(0)}, ${c.operand(1)}, rounding_mode="trunc")`;
};

/** α A B + β C, of which A and B may be transposed. */
const gemm: Expression = (c) => {
  const side = (i: number, flag: string) => `${c.input(i)}${intAttribute(c.node, flag, 0) !== 0 ? '.T' : ''}`;
  const times = (name: string) => {
    const factor = floatAttribute(c.node, name, 1);
    return factor === 1 ? '' : `${real(factor)} * `;
  };
  const factor = times('alpha');
  const sides = `${side(0, 'transA')} @ ${side(1, 'transB')}`;
  const product = factor === '' ? sides : `${factor}(${sides})`;
  return c.has(2) ? `${product} + ${times('beta')}${c.input(2)}` : product;
};

const clip: Expression = (c) => {
  const limits = ['min', 'max'].flatMap((name, i) => (c.has(i + 1) ? [`${name}=${c.operand(i + 1)}`] : []));
  return limits.length === 0 ? c.input(0) : `${c.input(0)}.clamp(${limits.join(', ')})`;
};

const cast: Expression = (c) => {
  const elementType = elementTypeOf(intAttribute(c.node, 'to', 0));
  const dtype = elementType && dtypeOf(elementType);
  return dtype === undefined ? refuse(c, 'makes text') : `${c.input(0)}.to(${dtype})`;
};

const layerNormalization: Expression = (c) => {
  const [rank, scale] = [rankOf(c), c.stored(1)];
  const axis = normalizeAxis(intAttribute(c.node, 'axis', -1), rank);
  if (axis === undefined || scale?.dims.length !== rank - axis)
    refuse(c, 'has a scale of other axes than it normalizes');
  const bias = c.has(2) ? c.input(2) : 'None';
  const epsilon = real(floatAttribute(c.node, 'epsilon', 1e-5));
  return `nn.functional.layer_norm(${c.input(0)}, ${list(scale!.dims)}, ${c.input(1)}, ${bias}, ${epsilon})`;
};

const batchNormalization: Expression = (c) => {
  if (intAttribute(c.node, 'training_mode', 0) !== 0) refuse(c, 'trains');
  const [x, weight, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => c.input(i));
  const epsilon = real(floatAttribute(c.node, 'epsilon', 1e-5));
  return `nn.functional.batch_norm(${x}, ${mean}, ${variance}, ${weight}, ${bias}, eps=${epsilon})`;
};

/** Running sums from the first element on. */
const cumulate: Expression = (c) => {
  if (intAttribute(c.node, 'exclusive', 0) !== 0 || intAttribute(c.node, 'reverse', 0) !== 0) {
    refuse(c, 'leaves out the element itself or runs in reverse');
  }
  return `${c.input(0)}.cumsum(${fixed(c, 1, 'axis')[0]}${sameType(c)})`;
};

/** An expression for each operator that the module files can hold. */
const expressions: Rules<Expression> = {
  ...movementOperators,
  ...convolutionOperators,
  Abs: call('torch.abs'),
  Acos: call('torch.acos'),
  Acosh: call('torch.acosh'),
  Add: infix('+'),
  And: infix('&'),
  ArgMax: place('argmax'),
  ArgMin: place('argmin'),
  Asin: call('torch.asin'),
  Asinh: call('torch.asinh'),
  Atan: call('torch.atan'),
  Atanh: call('torch.atanh'),
  BatchNormalization: batchNormalization,
  Cast: cast,
  Ceil: call('torch.ceil'),
  Celu: withAttributes({ alpha: 1 }, (x, alpha) => `nn.functional.celu(${x}, ${alpha})`),
  Clip: clip,
  Cos: call('torch.cos'),
  Cosh: call('torch.cosh'),
  CumSum: cumulate,
  Div: divide,
  Einsum: (c) => {
    const inputs = c.node.inputs.map((_, i) => c.input(i));
    return `torch.einsum(${quoted(stringAttribute(c.node, 'equation', ''))}, ${inputs.join(', ')})`;
  },
  Elu: withAttributes({ alpha: 1 }, (x, alpha) => `nn.functional.elu(${x}, ${alpha})`),
  Equal: infix('=='),
  Erf: call('torch.erf'),
  Exp: call('torch.exp'),
  Floor: call('torch.floor'),
  Gemm: gemm,
  Greater: infix('>'),
  GreaterOrEqual: infix('>='),
  HardSigmoid: withAttributes({ alpha: 0.2, beta: 0.5 }, (x, a, b) => `(${a} * ${x} + ${b}).clamp(0.0, 1.0)`),
  HardSwish: call('nn.functional.hardswish'),
  Identity: (c) => c.input(0),
  IsNaN: call('torch.isnan'),
  LayerNormalization: layerNormalization,
  LeakyRelu: withAttributes({ alpha: 0.01 }, (x, alpha) => `nn.functional.leaky_relu(${x}, ${alpha})`),
  Less: infix('<'),
  LessOrEqual: infix('<='),
  Log: call('torch.log'),
  LogSoftmax: overAxis('log_softmax'),
  MatMul: (c) => `${c.input(0)} @ ${c.input(1)}`,
  Max: nested('torch.maximum'),
  Mean: (c) => `(${infix('+')(c)}) / ${c.node.inputs.length}`,
  Min: nested('torch.minimum'),
  Mul: infix('*'),
  Neg: (c) => `-${c.input(0)}`,
  Not: call('torch.logical_not'),
  Or: infix('|'),
  PRelu: (c) => `torch.where(${c.input(0)} < 0, ${c.input(0)} * ${c.input(1)}, ${c.input(0)})`,
  Pow: power,
  Reciprocal: call('torch.reciprocal'),
  ReduceL1: sum((x) => `${x}.abs()`),
  ReduceL2: reductionOfReals((x, options) => `${x}.square().sum(${options}).sqrt()`),
  ReduceLogSum: reductionOfReals((x, options) => `${x}.sum(${options}).log()`),
  ReduceLogSumExp: reductionOfReals((x, options) => `${x}.logsumexp(${options})`),
  ReduceMax: reduction((x, options) => `${x}.amax(${options})`),
  ReduceMean: reductionOfReals((x, options) => `${x}.mean(${options})`),
  ReduceMin: reduction((x, options) => `${x}.amin(${options})`),
  ReduceProd: productAlong,
  ReduceSum: sum((x) => x),
  ReduceSumSquare: sum((x) => `${x}.square()`),
  Relu: call('torch.relu'),
  Round: call('torch.round'),
  Selu: (c) => {
    const given = c.node.attributes.alpha ?? c.node.attributes.gamma;
    return given === undefined ? call('nn.functional.selu')(c) : refuse(c, 'has α or γ of its own');
  },
  Sigmoid: call('torch.sigmoid'),
  Sign: call('torch.sign'),
  Sin: call('torch.sin'),
  Sinh: call('torch.sinh'),
  Softmax: overAxis('softmax'),
  Softplus: call('nn.functional.softplus'),
  Softsign: call('nn.functional.softsign'),
  Sqrt: call('torch.sqrt'),
  Sub: infix('-'),
  Sum: infix('+'),
  Tan: call('torch.tan'),
  Tanh: call('torch.tanh'),
  ThresholdedRelu: withAttributes({ alpha: 1 }, (x, alpha) => `nn.functional.threshold(${x}, ${alpha}, 0.0)`),
  Where: choice,
  Xor: infix('^'),
};

/** What can be done about an operator that has no form, where it is something of its own. */
const WAYS_OUT: Readonly<Record<string, string>> = {
  If: '`slimrnn specialize` decides one that depends on sizes',
};

/** A node as an expression of PyTorch. Throws a SlimError that names the operator when there is none for it. */
export function operatorExpression(c: Operands): string {
  const found = ruleFor(expressions, c.node);
  if (found === undefined) {
    const wayOut = WAYS_OUT[c.node.op] ?? 'run the model as ONNX, or export one that does without this operator';
    throw new SlimError(`${titleOf(c.node)} has no form in PyTorch here; ${wayOut}`);
  }
  return found(c);
}
