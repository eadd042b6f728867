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
  const { elementType } = inputType(c, 0);
  for (let i = 1; i < c.inputs.length; i++) {
    const other = inputType(c, i).elementType;
    if (other !== elementType && c.node.op !== 'Pow') fail(c, `element types differ: ${elementType} and ${other}`);
  }
  return broadcast(c, 0, elementType);
};

const comparison: InferRule = (c) => broadcast(c, 0, 'bool');

const softmax: InferRule = (c) => {
  const type = inputType(c, 0);
  const axis = intAttribute(c.node, 'axis', -1);
  if (type.shape && (axis >= type.shape.length || axis < -type.shape.length)) fail(c, `axis ${axis} does not exist`);
  return [type];
};

const cast: InferRule = (c) => {
  const to = intAttribute(c.node, 'to', 0);
  return [tensor(elementTypeOf(to) ?? fail(c, `unknown element type ${to}`), inputType(c, 0).shape)];
};

const dropout: InferRule = (c) => {
  const type = inputType(c, 0);
  return [type, tensor('bool', type.shape)].slice(0, c.node.outputs.length);
};

export const elementwiseShapes: Readonly<Record<string, InferRule>> = {
  ...Object.fromEntries(
    (
      'Abs Ceil Clip Cos Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log Neg Not Reciprocal Relu ' +
      'Round Selu Sigmoid Sign Sin Softplus Softsign Sqrt Tanh ThresholdedRelu CumSum LayerNormalization'
    )
      .split(' ')
      .map((op) => [op, same]),
  ),
  ...Object.fromEntries('Add Sub Mul Div Pow Mod Max Min Sum Mean PRelu'.split(' ').map((op) => [op, arithmetic])),
  ...Object.fromEntries(
    'Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor'.split(' ').map((op) => [op, comparison]),
  ),
  Where: (c) => broadcast(c, 0, inputType(c, 1).elementType),
  Softmax: softmax,
  LogSoftmax: softmax,
  Cast: cast,
  Dropout: dropout,
};
