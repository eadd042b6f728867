import { describe, expect, it } from 'vitest';
import { type GradientCase, gradientCase } from '../../test/support/gradientCheck.ts';
import { distinct, positive, randomTensor } from '../../test/support/graphs.ts';
import { float } from '../graph/attributes.ts';
import { add, apply, cast, div, greater, mul, pow, softmax, sub, tanh, where } from '../graph/ops.ts';
import type { Tensor } from '../graph/types.ts';
import { elementwiseGradients } from './elementwise.ts';

const x = distinct([2, 3]);
const wide = distinct([3, 4]);
const condition: Tensor = { elementType: 'bool', dims: [2, 3], data: Uint8Array.of(1, 0, 0, 1, 1, 0) };

const unaryCases = [
  ...'Neg Exp Abs Sigmoid Tanh Relu LeakyRelu Softplus Identity'
    .split(' ')
    .map((op) => gradientCase(op, 'default', { x }, (v) => apply(op, [v.x]))),
  ...'Log Sqrt Reciprocal'
    .split(' ')
    .map((op) => gradientCase(op, 'default', { x: positive([2, 3]) }, (v) => apply(op, [v.x]))),
];

const binaryCases = 'Add Sub Mul Div Max Min Pow'.split(' ').flatMap((op) => {
  const base = op === 'Pow' || op === 'Div' ? positive : distinct;
  const of = (left: readonly number[], right: readonly number[]) =>
    gradientCase(op, `[${left}] and [${right}]`, { a: base(left), b: base(right, 1) }, ({ a, b }) => apply(op, [a, b]));
  return [
    of([2, 3], [2, 3]),
    of([2, 3], [3]),
    of([3], [2, 3]),
    of([2, 1, 3], [4, 1]),
    of([1, 3], [2, 1]),
    of([2, 2], []),
    of([], [2, 2]),
    of([1, 1], [1]),
  ];
});

const cases: GradientCase[] = [
  ...unaryCases,
  ...binaryCases,
  gradientCase('Add', 'a value to itself', { x }, (v) => add(v.x, v.x)),
  gradientCase('Mul', 'a square', { x }, (v) => mul(v.x, v.x)),
  gradientCase('Sub', 'number minus value', { x }, (v) => sub(1, v.x)),
  gradientCase('Div', 'number by value', { x }, (v) => div(2, v.x)),
  gradientCase('Pow', 'negative base, constant exponent', { x }, (v) => pow(v.x, 2)),
  gradientCase('Pow', 'constant base', { x }, (v) => apply('Pow', [3, v.x])),
  gradientCase('Max', 'three operands', { a: x, b: distinct([3], 1), c: distinct([2, 1], 2) }, (v) =>
    apply('Max', [v.a, v.b, v.c]),
  ),
  gradientCase('Min', 'three operands', { a: x, b: distinct([3], 1), c: distinct([2, 1], 2) }, (v) =>
    apply('Min', [v.a, v.b, v.c]),
  ),
  ...['Sum', 'Mean'].map((op) =>
    gradientCase(op, 'three operands', { a: x, b: distinct([3], 1), c: distinct([2, 1], 2) }, (v) =>
      apply(op, [v.a, v.b, v.c]),
    ),
  ),
  gradientCase('Pow', 'integer exponent', { x }, (v, b) =>
    apply('Pow', [v.x, b.constant({ elementType: 'int64', dims: [], data: BigInt64Array.of(3n) })]),
  ),
  gradientCase('Max', 'one operand', { x }, (v) => apply('Max', [v.x])),
  gradientCase('LeakyRelu', 'alpha', { x }, (v) => apply('LeakyRelu', [v.x], { alpha: float(0.3) })),
  gradientCase('Where', 'equal shapes', { a: x, b: distinct([2, 3], 1), condition }, (v) =>
    where(v.condition, v.a, v.b),
  ),
  gradientCase('Where', 'broadcast operands', { a: distinct([3]), b: distinct([2, 1], 1), condition }, (v) =>
    where(v.condition, v.a, v.b),
  ),
  gradientCase('Where', 'condition larger than both', { a: distinct([1]), b: distinct([], 1), condition }, (v) =>
    where(v.condition, v.a, v.b),
  ),
  gradientCase('Where', 'condition computed from its operand', { x }, (v) =>
    where(greater(v.x, 0.1), v.x, mul(v.x, 3)),
  ),
  gradientCase('Cast', 'float32 to float64 and back', { x }, (v) => {
    const wide = cast(v.x, 'float64');
    return cast(mul(wide, wide), 'float32');
  }),
  gradientCase(
    'Cast',
    'float64 input',
    { x: { ...x, elementType: 'float64', data: Float64Array.from([1, 2, 3, 4, 5, 6]) } },
    (v) => tanh(cast(v.x, 'float32')),
  ),
  gradientCase('Dropout', 'without training mode', { x }, (v) => apply('Dropout', [v.x, 0.5])),
  ...[-1, 0, 1, -2].flatMap((axis) =>
    ['Softmax', 'LogSoftmax'].map((op) =>
      gradientCase(op, `axis ${axis}`, { x: randomTensor([2, 3, 4]) }, (v) => apply(op, [v.x], { axis })),
    ),
  ),
  ...'Elu Celu Selu HardSigmoid Softsign Clip Erf Sin Cos'
    .split(' ')
    .map((op) => gradientCase(op, 'default', { x: wide }, (v) => apply(op, [v.x]))),
  // Values on both sides of the kinks: 3 and -3, 1 and 2.5, 0 and 1.
  gradientCase('HardSwish', 'beyond both kinks', { x: wide }, (v) => apply('HardSwish', [mul(v.x, 4.1)])),
  gradientCase('HardSigmoid', 'beyond both kinks', { x: wide }, (v) => apply('HardSigmoid', [mul(v.x, 4.1)])),
  gradientCase('HardSigmoid', 'attributes', { x: wide }, (v) =>
    apply('HardSigmoid', [v.x], { alpha: float(0.6), beta: float(0.35) }),
  ),
  gradientCase('ThresholdedRelu', 'default', { x: wide }, (v) => apply('ThresholdedRelu', [mul(v.x, 1.8)])),
  gradientCase('ThresholdedRelu', 'alpha', { x: wide }, (v) => apply('ThresholdedRelu', [v.x], { alpha: float(0.47) })),
  gradientCase('Elu', 'alpha', { x: wide }, (v) => apply('Elu', [v.x], { alpha: float(0.4) })),
  gradientCase('Celu', 'alpha', { x: wide }, (v) => apply('Celu', [v.x], { alpha: float(0.4) })),
  gradientCase('Selu', 'attributes', { x: wide }, (v) =>
    apply('Selu', [v.x], { alpha: float(1.2), gamma: float(1.1) }),
  ),
  gradientCase('Clip', 'both limits', { x: wide }, (v) => apply('Clip', [v.x, -0.47, 0.47])),
  gradientCase('Clip', 'upper limit', { x: wide }, (v) => apply('Clip', [v.x, undefined, 0.47])),
  gradientCase('PRelu', 'a slope for each column', { x: wide, slope: distinct([4], 1) }, (v) =>
    apply('PRelu', [v.x, v.slope]),
  ),
  gradientCase('PRelu', 'one slope', { x: wide, slope: distinct([1], 1) }, (v) => apply('PRelu', [v.x, v.slope])),
  gradientCase('Softmax', 'nested', { x }, (v) => softmax(mul(softmax(v.x, 0), add(v.x, 1)), 1)),
];

describe('gradients of elementwise operators', () => {
  it.each(cases)('$op: $variant', async ({ wrong }) => {
    expect(await wrong()).toEqual([]);
  });

  it('has a case for every rule', () => {
    expect(new Set(cases.map((c) => c.op))).toEqual(new Set(Object.keys(elementwiseGradients)));
  });
});
