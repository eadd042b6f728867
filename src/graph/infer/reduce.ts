import { intAttribute, stringAttribute } from '../attributes.ts';
import { operatorsWith, type Rules, ruleForEach } from '../rules.ts';
import type { Dim } from '../types.ts';
import { axisOf, type InferRule, inputType, tensor } from './context.ts';
import { axesOf } from './movement.ts';

/** Reduction over axes (all when none are given), kept as size 1 unless keepdims is 0. */
const reduce: InferRule = (c) => {
  const { elementType, shape } = inputType(c, 0);
  const keep = intAttribute(c.node, 'keepdims', 1) !== 0;
  const given = axesOf(c, 1);
  const computed = given === undefined && c.inputs[1] !== undefined;
  if (!computed && (given === undefined || given.length === 0)) {
    if (intAttribute(c.node, 'noop_with_empty_axes', 0)) return [inputType(c, 0)];
    return [tensor(elementType, keep ? shape?.map(() => 1) : [])];
  }
  if (shape === undefined) return [tensor(elementType, undefined)];
  if (given === undefined) return [tensor(elementType, keep ? shape.map(() => c.freshDim()) : undefined)];
  const axes = given.map((a) => axisOf(c, a, shape.length));
  return [tensor(elementType, reducedShape(shape, axes, keep))];
};

const argReduce: InferRule = (c) => {
  const { shape } = inputType(c, 0);
  if (shape === undefined) return [tensor('int64', undefined)];
  const axis = axisOf(c, intAttribute(c.node, 'axis', 0), shape.length);
  return [tensor('int64', reducedShape(shape, [axis], intAttribute(c.node, 'keepdims', 1) !== 0))];
};

/** A shape without the reduced axes, or with size 1 in their place. */
export function reducedShape(shape: readonly Dim[], axes: readonly number[], keep: boolean): Dim[] {
  return keep ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));
}

export const reduceShapes = {
  ...ruleForEach(operatorsWith({ reduces: 'value' }), reduce),
  ...ruleForEach(operatorsWith({ reduces: 'place' }), argReduce),
  // Per-example losses keep the labels' shape; a sum or a mean is a scalar.
  SoftmaxCrossEntropyLoss: (c) => {
    const { elementType, shape } = inputType(c, 0);
    const perExample = stringAttribute(c.node, 'reduction', 'mean') === 'none';
    const loss = tensor(elementType, perExample ? inputType(c, 1).shape : []);
    return [loss, tensor(elementType, shape)];
  },
} satisfies Rules<InferRule>;
