import { SlimError } from '../../src/base/errors.ts';
import { int64s } from '../../src/graph/attributes.ts';
import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import { isStatic, sizeOf } from '../../src/graph/dims.ts';
import { elementTypeNumbers } from '../../src/graph/elementTypes.ts';
import { tensorOfNumbers } from '../../src/graph/numbers.ts';
import {
  apply,
  concat,
  expand,
  gather,
  reshape,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from '../../src/graph/ops.ts';
import type { ElementType, Graph } from '../../src/graph/types.ts';
import { randomNumbers } from './graphs.ts';

/*
 * For tests: random graphs of constants, sizes and one input `x` [2, 3], of which much can be computed before the run.
 */

const types = [
  'float32',
  'float32',
  'float64',
  'float16',
  'int32',
  'int64',
  'int64',
  'bool',
] as const satisfies ElementType[];

/** What a step takes its decisions from. */
export interface Chooser {
  readonly b: GraphBuilder;
  below(limit: number): number;
  /** Any value so far, or one of a type. */
  any(type?: ElementType): Value;
}

/** Adds some values to a graph; throws a SlimError where shapes or types do not fit. */
export type Step = (c: Chooser) => readonly Value[];

const shapeOfValue = (x: Value) => x.type.shape as readonly number[];

function someAxis(x: Value, below: Chooser['below']): number {
  const rank = shapeOfValue(x).length;
  if (rank === 0) throw new SlimError('a scalar has no axis');
  return below(rank);
}

/** Numbers that every type holds, and that stay small. */
const constant: Step = ({ b, below }) => {
  const type = types[below(types.length)]!;
  const dims = Array.from({ length: below(4) }, () => 1 + below(3));
  const values = Float64Array.from({ length: sizeOf(dims) }, () => (type === 'bool' ? below(2) : below(9) - 4));
  const tensor = tensorOfNumbers(type, dims, values)!;
  return [below(2) === 0 ? b.constant(tensor) : b.parameter(b.fresh('p'), tensor)];
};

const binary =
  (...ops: string[]): Step =>
  ({ below, any }) => {
    const a = any();
    return [apply(ops[below(ops.length)]!, [a, any(a.type.elementType)])];
  };

const logic: Step = ({ below, any }) => [apply(['And', 'Or', 'Xor'][below(3)]!, [any('bool'), any('bool')])];

const steps: readonly Step[] = [
  constant,
  constant,
  binary('Add', 'Sub', 'Mul'),
  binary('Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'),
  logic,
  ({ any }) => [apply('Not', [any('bool')])],
  ({ any }) => [apply('Neg', [any()])],
  ({ below, any }) => [apply('Cast', [any()], { to: elementTypeNumbers[types[below(types.length)]!] })],
  ({ any }) => {
    const a = any();
    return [apply('Where', [any('bool'), a, any(a.type.elementType)])];
  },
  // A divisor that is never zero.
  ({ b, any }) => {
    const a = any();
    return [apply('Div', [a, b.constant(tensorOfNumbers(a.type.elementType, [], Float64Array.of(3))!)])];
  },
  ({ below, any }) => {
    const x = any();
    const order = [...shapeOfValue(x).keys()];
    return [transpose(x, below(2) === 0 ? order.reverse() : [...order.slice(1), ...order.slice(0, 1)])];
  },
  ({ below, any }) => {
    const x = any();
    return [unsqueeze(x, [below(shapeOfValue(x).length + 1)])];
  },
  ({ any }) => {
    const x = any();
    return [squeeze(x, [shapeOfValue(x).indexOf(1)])];
  },
  ({ any }) => [reshape(any(), [-1])],
  ({ below, any }) => [expand(any(), [1 + below(2), 1, 1 + below(3)])],
  ({ below, any }) => {
    const x = any();
    const axis = someAxis(x, below);
    return [slice(x, [below(5) - 2], [below(7) - 3], [axis], [[1, 2, -1][below(3)]!])];
  },
  ({ b, below, any }) => {
    const x = any();
    const axis = someAxis(x, below);
    const size = shapeOfValue(x)[axis]!;
    return [gather(x, b.constant(int64s([2], [below(size), -1 - below(size)])), axis)];
  },
  ({ below, any }) => {
    const x = any();
    return [concat([x, any(x.type.elementType)], someAxis(x, below))];
  },
  ({ below, any }) => {
    const x = any();
    const axis = someAxis(x, below);
    return split(x, [1, shapeOfValue(x)[axis]! - 1], axis);
  },
  ({ any }) => [apply('Shape', [any()])],
  ({ any }) => [apply('Size', [any()])],
  ({ b, below }) => [apply('ConstantOfShape', [b.ints([1 + below(3), 2])])],
  ({ b, below }) => [
    apply(
      'Range',
      [0, 1 + below(5), 1 + below(2)].map((v) => b.constant(int64s([], [v]))),
    ),
  ],
];

/** A graph of so many steps, of which some are `more`. */
export function foldableGraph(length: number, seed: number, more: readonly Step[] = []): Graph {
  const all = [...steps, ...more];
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const b = new GraphBuilder('random');
  const pool = [b.input('x', 'float32', [2, 3])];
  const any = (type?: ElementType): Value => {
    const fitting = type === undefined ? pool : pool.filter((v) => v.type.elementType === type);
    if (fitting.length === 0) throw new SlimError('there is none');
    return fitting[below(fitting.length)]!;
  };
  for (let i = 0; i < length; i++) {
    const step = all[i < 3 ? 0 : below(all.length)]!;
    try {
      const made = step({ b, below, any });
      pool.push(...made.filter(({ type: { shape } }) => isStatic(shape) && sizeOf(shape) > 0 && sizeOf(shape) < 500));
    } catch (error) {
      // Shapes or types do not fit.
      if (!(error instanceof SlimError)) throw error;
    }
  }
  for (const value of pool.slice(-4)) b.output(value, b.fresh('y'));
  return b.build();
}
