import { describe, expect, it } from 'vitest';
import { positive, randomTensor } from '../../../test/support/graphs.ts';
import { type ShapeCase, shapeCase } from '../../../test/support/shapeCheck.ts';
import { apply, cast } from '../ops.ts';
import type { ElementType, Tensor } from '../types.ts';
import { elementwiseShapes } from './elementwise.ts';

const x = positive([2, 3]);
const flags: Tensor = { elementType: 'bool', dims: [2, 3], data: Uint8Array.of(1, 0, 0, 1, 1, 0) };
const n: Tensor = { elementType: 'uint8', dims: [6], data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
const free = { x: ['batch', 3] };

const broadcast = (op: string, a: Tensor, b: Tensor) => {
  const symbols = { a: a.dims.map((d, i) => (d > 1 ? `n${i + 2 - a.dims.length}` : d)) };
  return shapeCase(op, `[${a.dims}] and [${b.dims}]`, { a, b }, (v) => apply(op, [v.a, v.b]), { free: symbols });
};

const cases: ShapeCase[] = [
  ...(
    'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Clip Cos Cosh Elu Erf Exp Floor HardSigmoid HardSwish Identity ' +
    'LeakyRelu Log Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ' +
    'ThresholdedRelu Trilu'
  )
    .split(' ')
    .map((op) => shapeCase(op, 'same shape', { x }, (v) => apply(op, [v.x]), { free })),
  shapeCase('Gelu', 'same shape', { x }, (v) => apply('Gelu', [v.x]), { free, opset: 20 }),
  shapeCase('Mish', 'same shape', { x }, (v) => apply('Mish', [v.x]), { free, opset: 18 }),
  shapeCase('Swish', 'same shape', { x }, (v) => apply('Swish', [v.x]), { free, opset: 24 }),
  shapeCase('BitwiseNot', 'same shape', { n }, (v) => apply('BitwiseNot', [v.n]), { opset: 18 }),
  ...['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'].map((op) =>
    shapeCase(op, 'integers', { n }, (v, b) => apply(op, [v.n, b.constant({ ...n, dims: [6, 1] })]), { opset: 18 }),
  ),
  shapeCase('BitShift', 'left', { n }, (v, b) => apply('BitShift', [v.n, b.constant(n)], { direction: 'LEFT' })),
  ...['IsNaN', 'IsInf'].map((op) => shapeCase(op, 'flags', { x }, (v) => apply(op, [v.x]), { free })),
  shapeCase('CastLike', 'to integers', { x, n }, (v) => apply('CastLike', [v.x, v.n]), { free }),
  shapeCase('QuantizeLinear', 'bytes', { x }, (v) => apply('QuantizeLinear', [v.x, 0.1]), { free }),
  shapeCase('DequantizeLinear', 'bytes', { n }, (v) => apply('DequantizeLinear', [v.n, 0.1])),
  shapeCase('DynamicQuantizeLinear', 'with scale', { x }, (v, b) => b.node('DynamicQuantizeLinear', [v.x], {}, 3), {
    free,
  }),
  shapeCase('ReverseSequence', 'by length', { x }, (v, b) => apply('ReverseSequence', [v.x, b.ints([1, 2, 1])]), {
    free: { x: [2, 3] },
  }),
  shapeCase('Not', 'same shape', { x: flags }, (v) => apply('Not', [v.x]), { free }),
  shapeCase('CumSum', 'same shape', { x }, (v, b) => apply('CumSum', [v.x, b.ints([1])]), { free }),
  ...'Add Sub Mul Div Pow Max Min Sum Mean Equal Greater GreaterOrEqual Less LessOrEqual'
    .split(' ')
    .flatMap((op) => [
      broadcast(op, x, positive([2, 3], 1)),
      broadcast(op, x, positive([3], 1)),
      broadcast(op, x, positive([], 1)),
      broadcast(op, positive([1, 3]), positive([2, 1])),
      broadcast(op, positive([4, 1, 3]), positive([2, 3])),
    ]),
  ...'And Or Xor'.split(' ').map((op) => broadcast(op, flags, { ...flags, dims: [1, 2, 3] })),
  shapeCase('Mod', 'fmod', { x }, (v) => apply('Mod', [v.x, 2], { fmod: 1 }), { free }),
  shapeCase('PRelu', 'slope per column', { x, slope: randomTensor([3]) }, (v) => apply('PRelu', [v.x, v.slope]), {
    free,
  }),
  shapeCase('Max', 'three operands', { x, y: randomTensor([4, 1, 1]) }, (v) => apply('Max', [v.x, 1, v.y]), { free }),
  shapeCase('Pow', 'integer exponent', { x }, (v, b) => apply('Pow', [v.x, b.ints([2])]), { free }),
  shapeCase('Where', 'condition larger', { condition: flags, x: randomTensor([3]) }, (v) =>
    apply('Where', [v.condition, v.x, 0]),
  ),
  shapeCase('Where', 'operand larger', { condition: flags, x: randomTensor([4, 2, 3]) }, (v) =>
    apply('Where', [v.condition, 1, v.x]),
  ),
  ...['Softmax', 'LogSoftmax', 'Hardmax'].flatMap((op) =>
    [0, 1, -1].map((axis) => shapeCase(op, `axis ${axis}`, { x }, (v) => apply(op, [v.x], { axis }), { free })),
  ),
  ...(['float64', 'int32', 'int64', 'bool', 'uint8', 'int8', 'uint16'] satisfies ElementType[]).map((to) =>
    shapeCase('Cast', `to ${to}`, { x }, (v) => cast(v.x, to), { free }),
  ),
  shapeCase('Dropout', 'without mask', { x }, (v) => apply('Dropout', [v.x]), { free }),
  shapeCase('Dropout', 'with mask', { x }, (v, b) => b.node('Dropout', [v.x], {}, 2), { free }),
];

describe('shapes of elementwise operators', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(elementwiseShapes)));
  });
});
