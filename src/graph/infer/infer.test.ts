import { describe, expect, it } from 'vitest';
import { graphOver, randomTensor } from '../../../test/support/graphs.ts';
import { int64s } from '../attributes.ts';
import { GraphBuilder } from '../builder.ts';
import {
  add,
  apply,
  cast,
  concat,
  div,
  equal,
  expand,
  gather,
  less,
  max,
  mul,
  reshape,
  shapeOf,
  slice,
  squeeze,
  sub,
  unsqueeze,
  where,
} from '../ops.ts';
import type { Attribute, Dim, Graph, Node } from '../types.ts';
import { ShapeError } from './context.ts';
import { inferTypes } from './infer.ts';

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
  domain = '',
) => ({ op, domain, name: `my${op}`, inputs, outputs, attributes }) satisfies Node;

function graphOf(nodes: Node[], shapes: Record<string, readonly Dim[]>, outputs: string[] = []): Graph {
  const info = (name: string, shape: readonly Dim[] | undefined) => ({
    name,
    type: { elementType: 'float32' as const, shape },
  });
  return {
    name: 'test',
    inputs: Object.entries(shapes).map(([name, shape]) => info(name, shape)),
    outputs: outputs.map((name) => info(name, undefined)),
    initializers: new Map([
      ['s', int64s([2], [-1, -1])],
      ['z', int64s([1], [0])],
    ]),
    nodes,
  };
}

const axis = (value: number): Record<string, Attribute> => ({ axis: { type: 'int', value } });
const ints = (name: string, value: readonly number[]): Record<string, Attribute> => ({
  [name]: { type: 'ints', value },
});

describe('graphs that do not fit', () => {
  it.each<[string, Node, Record<string, readonly Dim[]>, string]>([
    [
      'an undefined name',
      node('Add', ['x', 'missing'], ['y']),
      { x: [2] },
      "Add 'myAdd' uses 'missing', which nothing defines",
    ],
    [
      'broadcasting',
      node('Add', ['a', 'b'], ['y']),
      { a: ['batch', 3], b: [4] },
      "Add 'myAdd' ([batch, 3], [4]): these shapes do not broadcast",
    ],
    [
      'a product',
      node('MatMul', ['a', 'b'], ['y']),
      { a: [2, 3], b: [4, 5] },
      "MatMul 'myMatMul' ([2, 3], [4, 5]): the inner sizes differ: 3 and 4",
    ],
    [
      'batch axes of a product',
      node('MatMul', ['a', 'b'], ['y']),
      { a: [2, 3, 4], b: [5, 4, 3] },
      "MatMul 'myMatMul' ([2, 3, 4], [5, 4, 3]): the batch axes do not broadcast",
    ],
    ['a scalar in a product', node('MatMul', ['a', 'b'], ['y']), { a: [], b: [4, 3] }, 'a scalar cannot be multiplied'],
    ['Gemm', node('Gemm', ['a', 'b'], ['y']), { a: [2, 3, 4], b: [4, 3] }, 'both operands must be matrices'],
    [
      "Gemm's third operand",
      node('Gemm', ['a', 'b', 'c'], ['y']),
      { a: [2, 3], b: [3, 4], c: [5] },
      'the third operand [5] does not broadcast to [2, 4]',
    ],
    [
      "Gemm's third operand, which would make the result larger",
      node('Gemm', ['a', 'b', 'c'], ['y']),
      { a: [1, 3], b: [3, 4], c: [2, 4] },
      'the third operand [2, 4] does not broadcast to [1, 4]',
    ],
    [
      'concatenation',
      node('Concat', ['a', 'b'], ['y'], axis(0)),
      { a: [2, 3], b: [2, 4] },
      "Concat 'myConcat' ([2, 3], [2, 4]): shapes must agree except along axis 0",
    ],
    ['an axis', node('Concat', ['a', 'b'], ['y'], axis(2)), { a: [2, 3], b: [2, 3] }, 'axis 2 is outside rank 2'],
    ['a softmax axis', node('Softmax', ['a'], ['y'], axis(2)), { a: [2, 3] }, 'axis 2 is outside rank 2'],
    ['a flatten axis', node('Flatten', ['a'], ['y'], axis(3)), { a: [2, 3] }, 'axis 3 is outside rank 2'],
    ['a permutation', node('Transpose', ['a'], ['y'], ints('perm', [0, 2])), { a: [2, 3] }, 'perm [0,2] does not fit'],
    [
      'a split',
      node('Split', ['a'], ['y', 'z'], ints('split', [1, 3])),
      { a: [3] },
      'sizes [1,3] do not divide axis 0',
    ],
    ['a squeezed axis', node('Squeeze', ['a'], ['y'], ints('axes', [1])), { a: [2, 3] }, 'axis 1 has size 3, not 1'],
    ['a missing input', node('Add', ['a', ''], ['y']), { a: [2] }, 'input 1 is missing'],
    ['two sizes to find', node('Reshape', ['a', 's'], ['y']), { a: [2, 3] }, '[-1, -1] is no shape'],
    ['an axis that stands twice', node('Unsqueeze', ['a'], ['y'], ints('axes', [1, 1])), { a: [2] }, 'stands twice'],
    ['a step of 0', node('Slice', ['a', 'z', 'z', 'z', 'z'], ['y']), { a: [2] }, 'a step is 0'],
    ['a negative size', node('ConstantOfShape', ['s'], ['y']), { a: [2] }, '[-1,-1] is no shape'],
    ['a constant without a value', node('Constant', [], ['y']), {}, 'a Constant of this kind is not supported'],
    ['a Scan without a body', node('Scan', ['a'], ['y']), { a: [2] }, 'the body is missing'],
  ])('stop at %s', (_, wrong, shapes, message) => {
    expect(() => inferTypes(graphOf([wrong], shapes))).toThrow(message);
  });

  it('stop at an output that nothing defines', () => {
    expect(() => inferTypes(graphOf([], {}, ['y']))).toThrow("graph 'test' outputs 'y', which nothing defines");
    expect(() => inferTypes(graphOf([], {}, ['y']))).toThrow(ShapeError);
  });

  it('stop at element types that differ', () => {
    const build = () => graphOver({ x: randomTensor([2]), n: int64s([2], [1, 2]) }, (v) => add(v.x, v.n));
    expect(build).toThrow("Add 'Add_0' ([2], [2]): element types differ: float32 and int64");
  });

  it('stop at a reshape that does not fit', () => {
    const build = (shape: number[]) => () => graphOver({ x: randomTensor([2, 3]) }, (v) => reshape(v.x, shape));
    expect(build([4, -1])).toThrow("Reshape 'Reshape_0' ([2, 3], [2]): 6 elements do not fit [4, -1]");
    expect(build([7])).toThrow('6 elements do not fit [7] with 7');
    expect(build([0, 0, 0])).toThrow('no axis 2 to copy');
  });

  it('stop at an expansion that does not fit', () => {
    const build = () => graphOver({ x: randomTensor([2, 3]) }, (v) => expand(v.x, [2, 4]));
    expect(build).toThrow("Expand 'Expand_0' ([2, 3], [2]): does not expand to [2, 4]");
  });
});

describe('operators that nobody knows', () => {
  const blend = node('Blend', ['a'], ['y']);
  const vendor = node('Add', ['a', 'a'], ['z'], {}, 'com.example');
  const inherited = node('constructor', ['a'], ['y']);

  it('give unknown shapes', () => {
    const type = inferTypes(graphOf([blend, vendor, node('Add', ['y', 'a'], ['sum'])], { a: [2, 'time'] }));
    for (const name of ['y', 'z', 'sum']) expect(type(name)).toEqual({ elementType: 'float32', shape: undefined });
    expect(inferTypes(graphOf([inherited], { a: [2] }))('y')?.shape).toBeUndefined();
  });

  it('give what the file declares', () => {
    const valueInfo = new Map([['y', { elementType: 'float16' as const, shape: ['time', 3] }]]);
    const type = inferTypes({ ...graphOf([blend, node('Relu', ['y'], ['r'])], { a: [2] }), valueInfo });
    expect(type('r')).toEqual({ elementType: 'float16', shape: ['time', 3] });
  });

  it('leave sizes that only the file knows to it', () => {
    const valueInfo = new Map([['y', { elementType: 'float32' as const, shape: [2, 'kept'] }]]);
    const graph = graphOf([node('Compress', ['a', 'a'], ['y'], axis(1))], { a: [2, 3] });
    expect(inferTypes({ ...graph, valueInfo })('y')?.shape).toEqual([2, 'kept']);
  });

  it('stop a builder, which must know what it makes', () => {
    const b = new GraphBuilder('test');
    expect(() => b.node('Blend', [b.input('x', 'float32', [2])])).toThrow('the shape of operator Blend');
  });
});

describe('graphs in graphs', () => {
  it('stop where they lie deeper than anyone would want', () => {
    let graph = graphOf([node('Relu', ['a'], ['y'])], {}, ['y']);
    for (let i = 0; i < 40; i++) {
      const body = { type: 'graph' as const, value: graph };
      graph = graphOf([node('If', ['go'], ['y'], { then_branch: body, else_branch: body })], {}, ['y']);
    }
    const outer = { ...graph, inputs: graphOf([], { a: [2], go: [] }).inputs };
    expect(() => inferTypes(outer)).toThrow(/If 'myIf' lies too deep/);
  });
});

describe('integers followed through a graph', () => {
  const b = new GraphBuilder('test');
  const x = b.input('x', 'float32', ['time', 'batch', 6]);
  const shape = shapeOf(x);

  it.each([
    ['Shape', shape, ['time', 'batch', 6]],
    ['Shape of part', apply('Shape', [x], { start: -2 }), ['batch', 6]],
    ['Size', apply('Size', [x]), ['6*batch*time']],
    ['Gather', gather(shape, b.ints([2, -2])), [6, 'batch']],
    ['Gather of a scalar', gather(shape, b.constant(int64s([], [0]))), ['time']],
    ['Slice', slice(shape, [-2], [Number.POSITIVE_INFINITY], [0]), ['batch', 6]],
    ['Slice backwards', slice(shape, [-1], [Number.NEGATIVE_INFINITY], [0], [-1]), [6, 'batch', 'time']],
    ['Concat', concat([b.ints([1]), shape], 0), [1, 'time', 'batch', 6]],
    ['Mul', mul(slice(shape, [0], [1], [0]), slice(shape, [1], [2], [0])), ['batch*time']],
    ['Add', add(b.ints([1, 2]), b.ints([3, 4])), [4, 6]],
    ['Div', div(slice(shape, [2], [3], [0]), b.ints([2])), [3]],
    ['Div that leaves a remainder', div(slice(shape, [2], [3], [0]), b.ints([4])), [1]],
    ['Div of a free dimension', div(slice(shape, [0], [1], [0]), b.ints([4])), undefined],
    ['Sub', sub(slice(shape, [0], [1], [0]), b.ints([1])), ['(time+-1)']],
    ['Mod', apply('Mod', [slice(shape, [2], [3], [0]), b.ints([4])]), [2]],
    ['a scalar for all', mul(b.ints([1, 2]), b.constant(int64s([], [3]))), [3, 6]],
    ['Equal', equal(shape, shape), [1, 1, 1]],
    ['Equal of sizes that nobody knows', equal(slice(shape, [0], [1], [0]), b.ints([1])), undefined],
    ['Equal of a size and -1', equal(shape, b.ints([-1])), [0, 0, 0]],
    ['Where', where(equal(shape, shape), shape, b.ints([1, 1, 1])), ['time', 'batch', 6]],
    ['second part of a Split', b.node('Split', [shape, b.ints([2, 1])], {}, 2)[1]!, [6]],
    [
      'ConstantOfShape',
      apply('ConstantOfShape', [b.ints([2])], { value: { type: 'tensor', value: int64s([1], [7]) } }),
      [7, 7],
    ],
    [
      'a huge ConstantOfShape',
      apply('ConstantOfShape', [b.ints([1e15])], { value: { type: 'tensor', value: int64s([1], [7]) } }),
      undefined,
    ],
    [
      'a huge Range',
      apply('Range', [b.constant(int64s([], [0])), b.constant(int64s([], [1e15])), b.constant(int64s([], [1]))]),
      undefined,
    ],
    ['ReduceProd', apply('ReduceProd', [shape], { keepdims: 0 }), ['6*batch*time']],
    ['halves, computed with reals', cast(div(cast(shape, 'float32'), 2), 'int64'), undefined],
    ['Unsqueeze and Squeeze', squeeze(unsqueeze(shape, [1]), [1]), ['time', 'batch', 6]],
    ['Slice of a matrix', slice(unsqueeze(shape, [0]), [0], [1], [0]), ['time', 'batch', 6]],
    ['Max, where all is known', max(shape, b.ints([1, 1, 8])), [expect.any(String), expect.any(String), 8]],
    ['Less', less(b.ints([1, 5]), b.constant(int64s([], [3]))), [1, 0]],
    [
      'Range',
      apply(
        'Range',
        [5, 1, -2].map((v) => b.constant(int64s([], [v]))),
      ),
      [5, 3],
    ],
    ['data', b.constant(int64s([100], new Array(100).fill(1))), undefined],
  ])('%s', (_, value, expected) => {
    expect(b.knownInts(value)).toEqual(expected);
  });
});
