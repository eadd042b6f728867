import { describe, expect, it } from 'vitest';
import { runGraph } from '../../../test/support/graphs.ts';
import { floats, int64s } from '../attributes.ts';
import { type AttributeValues, GraphBuilder, type Value } from '../builder.ts';
import { elementTypeNumbers } from '../elementTypes.ts';
import { numbersOf, tensorOfNumbers } from '../numbers.ts';
import type { ElementType, Tensor } from '../types.ts';
import { evaluate } from './evaluate.ts';

const tensor = (type: ElementType, dims: readonly number[], values: readonly number[]) =>
  tensorOfNumbers(type, dims, Float64Array.from(values))!;
const scalar = (type: ElementType, value: number) => tensor(type, [], [value]);
const ints = (...values: number[]) => int64s([values.length], values);

/** What the engine gives for inputs that it does not know before the run, and what `evaluate` gives. */
async function both(
  op: string,
  inputs: readonly (Tensor | undefined)[],
  attributes: AttributeValues = {},
  outputs = 1,
) {
  const b = new GraphBuilder('g');
  // Sizes and axes must be constants for the shapes to be known.
  const values = inputs.map((x, i): Value | undefined => {
    if (x === undefined) return undefined;
    const isData = i === 0 || !['int64', 'int32'].includes(x.elementType) || !withSizes.has(op);
    return isData && !(i === 0 && op === 'ConstantOfShape') ? b.input(`x${i}`, x.elementType, x.dims) : b.constant(x);
  });
  const results = b.node(op, values, attributes, outputs);
  const types = results.map((r) => r.type);
  const node = b.nodes.at(-1)!;
  for (const result of results) b.output(result);
  const feeds = Object.fromEntries(
    inputs.flatMap((x, i) => (x && b.build().inputs.some((v) => v.name === `x${i}`) ? [[`x${i}`, x]] : [])),
  );
  const got = await runGraph(b.build(), feeds);
  return { engine: Object.values(got), own: evaluate(node, inputs, types) };
}

const withSizes = new Set('Reshape Squeeze Unsqueeze Slice Split Expand ConstantOfShape Gather'.split(' '));

async function expectSame(...args: Parameters<typeof both>): Promise<void> {
  const { engine, own } = await both(...args);
  expect(own?.map(decoded)).toEqual(engine.map(decoded));
}

/** Half precision as numbers: which bits a NaN has does not matter. */
function decoded(tensor: Tensor): Tensor {
  const numbers = tensor.elementType === 'float16' ? numbersOf(tensor) : undefined;
  return numbers ? { ...tensor, data: numbers } : tensor;
}

const x = floats([2, 3], [1, -2, 3, 4, -5, 6]);
const named: Tensor = { elementType: 'string', dims: [3], data: ['a', 'b', 'c'] };

describe('operators that move elements', () => {
  it.each<[string, Parameters<typeof both>]>([
    ['Transpose', ['Transpose', [x]]],
    ['Transpose of three axes', ['Transpose', [floats([1, 2, 3], [1, 2, 3, 4, 5, 6])], { perm: [2, 0, 1] }]],
    ['Reshape', ['Reshape', [x, ints(0, -1, 1)]]],
    ['Squeeze', ['Squeeze', [floats([1, 2, 1], [1, 2]), ints(-1)]]],
    ['Squeeze of all', ['Squeeze', [floats([1, 2, 1], [1, 2])]]],
    ['Unsqueeze', ['Unsqueeze', [x, ints(-1, 0)]]],
    ['Flatten', ['Flatten', [x], { axis: 0 }]],
    ['Slice', ['Slice', [x, ints(0, 1), ints(1, 99), ints(0, -1)]]],
    ['Slice backwards by two', ['Slice', [x, ints(-1), ints(-99), ints(1), ints(-2)]]],
    ['Slice backwards from beyond the end', ['Slice', [x, ints(99), ints(0), ints(1), ints(-1)]]],
    ['Slice of nothing', ['Slice', [x, ints(2), ints(1), ints(1)]]],
    ['Slice to the end of everything', ['Slice', [x, ints(1), ints(Number.POSITIVE_INFINITY), ints(1)]]],
    ['Gather', ['Gather', [x, int64s([2, 2], [0, -1, 2, 1])], { axis: 1 }]],
    ['Gather of one', ['Gather', [x, int64s([], [-1])]]],
    ['Gather of texts', ['Gather', [named, ints(2, 0)]]],
    ['Concat', ['Concat', [x, floats([2, 1], [7, 8])], { axis: -1 }]],
    ['Split', ['Split', [x, ints(1, 2)], { axis: 1 }, 2]],
    ['Split into equal parts', ['Split', [x], { axis: 0 }, 2]],
    ['Expand', ['Expand', [floats([2, 1], [1, 2]), ints(2, 1, 3)]]],
    ['Identity', ['Identity', [named]]],
  ])('%s', async (_, args) => expectSame(...args));
});

describe('operators that make values', () => {
  it.each<[string, Parameters<typeof both>]>([
    ['Shape', ['Shape', [x], { start: -1 }]],
    ['Size', ['Size', [x]]],
    ['ConstantOfShape', ['ConstantOfShape', [ints(2, 2)]]],
    ['ConstantOfShape of integers', ['ConstantOfShape', [ints(3)], { value: { type: 'tensor', value: ints(7) } }]],
  ])('%s', async (_, args) => expectSame(...args));

  it.each([
    [1, 10, 3],
    [5, -3, -2],
    [5, 1, 1],
  ])('Range from %i to %i by %i', async (...bounds) => {
    for (const type of ['int64', 'int32'] as const) {
      const b = new GraphBuilder('g');
      const inputs = bounds.map((v) => scalar(type, v));
      const [range] = b.node(
        'Range',
        inputs.map((v) => b.constant(v)),
      );
      b.output(range!);
      expect(evaluate(b.nodes.at(-1)!, inputs, [range!.type])).toEqual(Object.values(await runGraph(b.build(), {})));
    }
  });
});

const reals = [0, -0, 1.5, -2.25, 1e-3, 3e4, Number.POSITIVE_INFINITY, Number.NaN, 1 / 3];
const wholes = [0, 1, -1, 7, -7, 100, -100, 3, 2];
const others = [2, -3, 1.5, 7, -7, 1e-2, 2, 1, 3];
const pair = (type: ElementType): [Tensor, Tensor] => {
  const [a, b] = type.startsWith('float') ? [reals, others] : [wholes, others.map(Math.ceil)];
  const positive = type.startsWith('u') ? Math.abs : (v: number) => v;
  return [tensor(type, [3, 3], a.map(positive)), tensor(type, [3, 3], b.map(positive))];
};

describe('arithmetic', () => {
  const types: ElementType[] = ['float32', 'float64', 'float16', 'int32', 'int64'];
  it.each(types.flatMap((type) => ['Add', 'Sub', 'Mul', 'Div'].map((op) => [op, type] as const)))(
    '%s of %s',
    (op, type) => expectSame(op, pair(type)),
  );
  it.each(types)('Neg of %s', (type) => expectSame('Neg', [pair(type)[0]]));
  it.each(
    types.flatMap((type) => ['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'].map((op) => [op, type] as const)),
  )('%s of %s', (op, type) => expectSame(op, pair(type)));
  it.each(['float32', 'float64', 'int32', 'int64', 'bool'] as const)('Equal of %s', async (type) => {
    const [a] = pair(type);
    await expectSame('Equal', [a, tensor(type, [3], [1, 0, 7])]);
  });
  it.each(['int32', 'int64', 'uint32', 'uint64', 'int8', 'uint8'] as const)('Mod, Max and Min of %s', async (type) => {
    for (const attributes of [{}, { fmod: 1 }]) await expectSame('Mod', pair(type), attributes);
    await expectSame('Max', pair(type));
    await expectSame('Min', [...pair(type), scalar(type, 2)]);
  });
  it('broadcasts', () => expectSame('Sub', [floats([3, 1], [1, 2, 3]), floats([2, 1, 2], [1, 2, 3, 4])]));

  it('wraps small integers around, and leaves what does not fit alone', async () => {
    await expectSame('Add', [tensor('int32', [2], [2 ** 31 - 1, 5]), tensor('int32', [2], [1, 5])]);
    await expectSame('Mul', [tensor('int32', [1], [70000]), tensor('int32', [1], [70000])]);
    const beyond = (op: string, a: Tensor, b: Tensor) =>
      evaluate(
        { op, domain: '', name: '', inputs: ['a', 'b'], outputs: ['c'], attributes: {} },
        [a, b],
        [{ elementType: a.elementType, shape: [1] }],
      );
    expect(beyond('Div', ints(1), ints(0))).toBeUndefined();
    expect(beyond('Mod', ints(1), ints(0))).toBeUndefined();
    expect(beyond('Div', tensor('int32', [1], [-(2 ** 31)]), tensor('int32', [1], [-1]))).toBeUndefined();
    expect(beyond('Add', ints(2 ** 53 - 1), ints(1))).toBeUndefined();
    const large: Tensor = { elementType: 'int64', dims: [1], data: BigInt64Array.of(2n ** 60n) };
    expect(beyond('Add', large, ints(1))).toBeUndefined();
  });

  it('computes bfloat16, which the engine does not, by way of float32', () => {
    const a = tensor('bfloat16', [2], [1, 256]);
    const node = { op: 'Add', domain: '', name: '', inputs: ['a', 'a'], outputs: ['c'], attributes: {} };
    const [sum] = evaluate(
      node,
      [a, tensor('bfloat16', [2], [0.00390625, 1])],
      [{ elementType: 'bfloat16', shape: [2] }],
    )!;
    // 1 + 2⁻⁸ and 256 + 1 lie halfway: ties go to the even one.
    expect([...sum!.data]).toEqual([0x3f80, 0x4380]);
  });
});

describe('logic', () => {
  const [a, b] = [tensor('bool', [2, 2], [0, 1, 0, 1]), tensor('bool', [2], [1, 0])];
  it.each(['And', 'Or', 'Xor'])('%s', (op) => expectSame(op, [a, b]));
  it('Not', () => expectSame('Not', [a]));
  it('Concat of two types is left to the engine, which refuses it', () => {
    const types = [ints(1), tensor('int32', [1], [2])];
    const node = { op: 'Concat', domain: '', name: 'c', inputs: ['a', 'b'], outputs: ['y'], attributes: {} };
    expect(evaluate(node, types, [{ elementType: 'int64', shape: [2] }])).toBeUndefined();
  });

  it('Where', async () => {
    await expectSame('Where', [b, floats([2, 2], [1, 2, 3, 4]), floats([], [9])]);
    // The engine makes 0 of -0, which others do not.
    expect((await both('Where', [b, floats([2], [-0, 1]), floats([2], [2, 3])])).own).toBeUndefined();
    await expectSame('Where', [b, floats([2], [1, -0]), floats([2], [2, 3])]);
    const large: Tensor = { elementType: 'int64', dims: [2], data: BigInt64Array.of(2n ** 60n, -1n) };
    await expectSame('Where', [b, large, ints(5, 6)]);
    await expectSame('Where', [b, { ...named, dims: [1], data: ['x'] }, { ...named, dims: [2], data: ['y', 'z'] }]);
  });
});

describe('Cast', () => {
  const types: ElementType[] = ['float32', 'float64', 'float16', 'int32', 'int64', 'int8', 'uint8', 'uint16', 'bool'];
  const source = (type: ElementType) => {
    if (type === 'bool') return tensor('bool', [2], [1, 0]);
    if (type.startsWith('float')) return tensor(type, [5], [0, 1.75, 2.5, 100.0009765625, 1 / 3]);
    return tensor(type, [5], [0, 1, 2, 100, 127]);
  };
  it.each(types.flatMap((from) => types.map((to) => [from, to] as const)))('from %s to %s', (from, to) =>
    expectSame('Cast', [source(from)], { to: elementTypeNumbers[to] }),
  );
  it('wraps integers around, rounds reals once or by way of float32, and keeps the sign', async () => {
    await expectSame('Cast', [ints(300, -1, 2 ** 31)], { to: elementTypeNumbers.int8 });
    await expectSame('Cast', [tensor('float64', [3], [1 + 2 ** -11 + 2 ** -40, 65519.99, -1e-9])], {
      to: elementTypeNumbers.float16,
    });
    await expectSame('Cast', [tensor('float32', [2], [-1.9, 1.9])], { to: elementTypeNumbers.int32 });
  });
  it('leaves reals alone that no integer is near', () => {
    for (const value of [Number.NaN, 3e9, -3e9]) {
      const node = {
        op: 'Cast',
        domain: '',
        name: '',
        inputs: ['a'],
        outputs: ['b'],
        attributes: { to: { type: 'int', value: elementTypeNumbers.int32 } },
      } as const;
      expect(evaluate(node, [floats([1], [value])], [{ elementType: 'int32', shape: [1] }])).toBeUndefined();
    }
  });
});

describe('weights that are stored in eight bits, and reductions of sizes', () => {
  const q = tensor('int8', [2, 3], [-128, 0, 127, 5, -7, 99]);
  it.each<[string, Parameters<typeof both>]>([
    ['one scale', ['DequantizeLinear', [q, scalar('float32', 0.0371), scalar('int8', 3)]]],
    ['without a zero point', ['DequantizeLinear', [q, scalar('float32', 1 / 3)]]],
    [
      'a scale for each row',
      ['DequantizeLinear', [q, floats([2], [0.1, 0.7]), tensor('int8', [2], [1, -2])], { axis: 0 }],
    ],
    ['a scale for each column', ['DequantizeLinear', [q, floats([3], [0.1, 0.7, 0.3]), undefined], { axis: -1 }]],
    [
      'unsigned',
      ['DequantizeLinear', [tensor('uint8', [3], [0, 128, 255]), scalar('float32', 0.013), scalar('uint8', 128)]],
    ],
    ['Abs', ['Abs', [x]]],
    ['Floor', ['Floor', [floats([3], [1.5, -1.5, 2])]]],
    ['Ceil', ['Ceil', [floats([3], [1.5, -1.5, 2])]]],
    ['Sqrt', ['Sqrt', [floats([3], [2, 3, 0.1])]]],
    ['CastLike', ['CastLike', [x, scalar('int64', 1)]]],
    ['ReduceProd', ['ReduceProd', [int64s([2, 3], [1, 2, 3, 4, 5, 6])], { axes: [0], keepdims: 0 }]],
    ['ReduceMax of all', ['ReduceMax', [int64s([2, 3], [1, 9, 3, 4, 5, 6])], { keepdims: 1 }]],
    ['ReduceMin', ['ReduceMin', [int64s([2, 3], [7, 9, 3, 4, 5, 6])], { axes: [-1] }]],
  ])('%s', (_, args) => expectSame(...args));

  it('leaves scales of blocks', () => {
    const b = new GraphBuilder('g');
    const node = b.node('DequantizeLinear', [b.input('x', 'int8', [2, 3]), b.float(1)], { block_size: 2 })[0]!;
    expect(evaluate(b.nodes.at(-1)!, [q, scalar('float32', 1)], [node.type])).toBeUndefined();
  });
});
