import { intAttribute } from '../attributes.ts';
import { traits } from '../operators.ts';
import { operatorsWith, type Rules, ruleForEach } from '../rules.ts';
import type { Dim, ElementType } from '../types.ts';
import {
  axisOf,
  broadcastOf,
  elementTypeAttribute,
  fail,
  type InferContext,
  type InferRule,
  inputType,
  same,
  tensor,
} from './context.ts';

/** Any number of inputs under numpy broadcasting. */
function broadcast(c: InferContext, elementType: ElementType) {
  let shape: readonly Dim[] | undefined = inputType(c, 0).shape;
  for (let i = 1; i < c.inputs.length; i++) {
    const other = inputType(c, i);
    if (shape === undefined || other.shape === undefined) shape = undefined;
    else shape = broadcastOf(c, shape, other.shape) ?? fail(c, 'these shapes do not broadcast');
  }
  return [tensor(elementType, shape)];
}

const arithmetic: InferRule = (c) => {
  // The element type of a value whose shape is unknown may be a guess (an operator that nobody knows made it).
  const types = c.inputs.map((_, i) => inputType(c, i));
  const known = types.filter((t) => t.shape !== undefined);
  const { elementType } = known[0] ?? types[0] ?? inputType(c, 0);
  const { mixesTypes } = traits(c.node);
  if (!mixesTypes) {
    const other = known.find((t) => t.elementType !== elementType)?.elementType;
    if (other !== undefined) fail(c, `element types differ: ${elementType} and ${other}`);
  }
  return broadcast(c, mixesTypes ? types[0]!.elementType : elementType);
};

const softmax: InferRule = (c) => {
  const type = inputType(c, 0);
  if (type.shape) axisOf(c, intAttribute(c.node, 'axis', -1), type.shape.length);
  return [type];
};

/** What the operator says of each element. */
const test: InferRule = (c) => [tensor('bool', inputType(c, 0).shape)];

/** As the second input: a value of the type that is meant, or the scale in (x − zero point) · scale. */
const asSecond: InferRule = (c) => [tensor(inputType(c, 1).elementType, inputType(c, 0).shape)];

export const elementwiseShapes = {
  ...ruleForEach(operatorsWith({ elementwise: 'unary' }), same),
  ...ruleForEach(operatorsWith({ elementwise: 'broadcast' }), arithmetic),
  ...ruleForEach(operatorsWith({ elementwise: 'broadcast', decides: true }), (c) => broadcast(c, 'bool')),
  CumSum: same,
  ReverseSequence: same,
  Trilu: same,
  Where: (c) => broadcast(c, inputType(c, 1).elementType),
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  ...ruleForEach(operatorsWith({ elementwise: 'unary', decides: true }), test),
  Cast: (c) => {
    const to = elementTypeAttribute(c, 'to') ?? fail(c, `unknown element type ${intAttribute(c.node, 'to', 0)}`);
    return [tensor(to, inputType(c, 0).shape)];
  },
  CastLike: asSecond,
  DequantizeLinear: asSecond,
  /** In the type of the zero point, without one uint8. */
  QuantizeLinear: (c) => [tensor(c.inputs[2]?.elementType ?? 'uint8', inputType(c, 0).shape)],
  /** y, scale and zero point. */
  DynamicQuantizeLinear: (c) => [tensor('uint8', inputType(c, 0).shape), tensor('float32', []), tensor('uint8', [])],
  Dropout: (c) => [inputType(c, 0), tensor('bool', inputType(c, 0).shape)],
} satisfies Rules<InferRule>;
