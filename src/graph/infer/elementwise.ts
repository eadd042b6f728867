import { intAttribute } from '../attributes.ts';
import { broadcastShapes } from '../dims.ts';
import { elementTypeOf } from '../elementTypes.ts';
import type { Dim, ElementType } from '../types.ts';
import { fail, type InferContext, type InferRule, inputType, tensor } from './context.ts';

/** One input, same type out (Tanh, Neg, Identity, Dropout without mask, …). */
const same: InferRule = (c) => [inputType(c, 0)];

/** Any number of inputs under numpy broadcasting. */
function broadcast(c: InferContext, first: number, elementType: ElementType) {
  let shape: readonly Dim[] | undefined = inputType(c, first).shape;
  for (let i = first + 1; i < c.inputs.length; i++) {
    const other = inputType(c, i);
    if (shape === undefined || other.shape === undefined) shape = undefined;
    else shape = broadcastShapes(shape, other.shape) ?? fail(c, 'these shapes do not broadcast');
  }
  return [tensor(elementType, shape)];
}

const arithmetic: InferRule = (c) => {
  // The element type of a value whose shape is unknown may be a guess (an operator that nobody knows made it).
  const types = c.inputs.map((_, i) => inputType(c, i));
  const known = types.filter((t) => t.shape !== undefined);
  const { elementType } = known[0] ?? types[0] ?? inputType(c, 0);
  if (!mixing.has(c.node.op)) {
    const other = known.find((t) => t.elementType !== elementType)?.elementType;
    if (other !== undefined) fail(c, `element types differ: ${elementType} and ${other}`);
  }
  return broadcast(c, 0, mixing.has(c.node.op) ? types[0]!.elementType : elementType);
};

/** Operators whose second operand may have a type of its own. */
const mixing = new Set(['Pow', 'BitShift']);

const comparison: InferRule = (c) => broadcast(c, 0, 'bool');

const softmax: InferRule = (c) => {
  const type = inputType(c, 0);
  const axis = intAttribute(c.node, 'axis', -1);
  if (type.shape && (axis >= type.shape.length || axis < -type.shape.length)) fail(c, `axis ${axis} does not exist`);
  return [type];
};

/** What the operator says of each element. */
const test: InferRule = (c) => [tensor('bool', inputType(c, 0).shape)];

const cast: InferRule = (c) => {
  const to = intAttribute(c.node, 'to', 0);
  return [tensor(elementTypeOf(to) ?? fail(c, `unknown element type ${to}`), inputType(c, 0).shape)];
};

const castLike: InferRule = (c) => [tensor(inputType(c, 1).elementType, inputType(c, 0).shape)];

/** (x − zero point) · scale, in the type of the scale. */
const dequantize: InferRule = (c) => [tensor(inputType(c, 1).elementType, inputType(c, 0).shape)];

/** In the type of the zero point, without one uint8. */
const quantize: InferRule = (c) => [tensor(c.inputs[2]?.elementType ?? 'uint8', inputType(c, 0).shape)];

/** y, scale and zero point. */
const dynamicQuantize: InferRule = (c) =>
  [tensor('uint8', inputType(c, 0).shape), tensor('float32', []), tensor('uint8', [])].slice(0, c.node.outputs.length);

const dropout: InferRule = (c) => {
  const type = inputType(c, 0);
  return [type, tensor('bool', type.shape)].slice(0, c.node.outputs.length);
};

export const elementwiseShapes: Readonly<Record<string, InferRule>> = {
  ...Object.fromEntries(
    (
      'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu ' +
      'HardSigmoid HardSwish Identity LeakyRelu Log Mish Neg Not Reciprocal Relu ReverseSequence Round Selu Shrink ' +
      'Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu Trilu'
    )
      .split(' ')
      .map((op) => [op, same]),
  ),
  ...Object.fromEntries(
    'Add Sub Mul Div Pow Mod Max Min Sum Mean PRelu BitShift BitwiseAnd BitwiseOr BitwiseXor'
      .split(' ')
      .map((op) => [op, arithmetic]),
  ),
  ...Object.fromEntries(
    'Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor'.split(' ').map((op) => [op, comparison]),
  ),
  Where: (c) => broadcast(c, 0, inputType(c, 1).elementType),
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  IsNaN: test,
  IsInf: test,
  Cast: cast,
  CastLike: castLike,
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  DynamicQuantizeLinear: dynamicQuantize,
  Dropout: dropout,
};
