import { describe, expect, it } from 'vitest';
import { loop, randomTensor as weight } from '../../test/support/graphs.ts';
import { randomStream } from '../base/random.ts';
import { int64s } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { elementTypeNumbers } from '../graph/elementTypes.ts';
import { halfToFloat } from '../graph/half.ts';
import { apply, cast, gather } from '../graph/ops.ts';
import type { Dim, ElementType, Graph, Tensor } from '../graph/types.ts';
import { boundDims, randomTensor, smallSizes } from './randomInputs.ts';

/** A graph over one input `i`. */
function graphOf(type: ElementType, shape: readonly Dim[], make: (i: Value, b: GraphBuilder) => Value): Graph {
  const b = new GraphBuilder('inputs');
  b.output(make(b.input('i', type, shape), b), 'y');
  return b.build();
}

function drawn(graph: Graph, dims: readonly number[], seed = 1): Tensor {
  return randomTensor(graph.inputs[0]!, graph, dims, randomStream(seed));
}

const numbers = ({ data }: Tensor) => Array.from(data as ArrayLike<number | bigint>, Number);
const distinct = (tensor: Tensor) => [...new Set(numbers(tensor))].sort((a, b) => a - b);
const passed = (i: Value) => apply('Identity', [i]);

describe('random inputs', () => {
  const types: ElementType[] = ['float32', 'float64', 'float16', 'bfloat16', 'int8', 'uint8', 'int16', 'uint16'];
  it.each([...types, 'int32', 'uint32', 'int64', 'uint64', 'bool'] as const)('are the same for a seed: %s', (type) => {
    const graph = graphOf(type, ['n'], passed);
    const tensor = drawn(graph, [50]);
    expect(tensor).toMatchObject({ elementType: type, dims: [50] });
    expect(tensor.data).toHaveLength(50);
    expect(tensor).toEqual(drawn(graph, [50]));
    expect(tensor).not.toEqual(drawn(graph, [50], 2));
    if (!type.includes('float')) expect(distinct(tensor)).toEqual([0, 1]);
  });

  it('are normal numbers in every float format', () => {
    const [full, half, brain] = (['float32', 'float16', 'bfloat16'] as const).map((type) =>
      drawn(graphOf(type, ['n'], passed), [2000]),
    );
    const values = numbers(full!);
    const mean = values.reduce((a, b) => a + b) / 2000;
    expect(Math.abs(mean)).toBeLessThan(0.1);
    expect(values.reduce((a, v) => a + (v - mean) ** 2, 0) / 2000).toBeCloseTo(1, 0);
    const asBrain = (bits: number) => new Float32Array(Uint32Array.of(bits * 65536).buffer)[0]!;
    values.forEach((v, i) => {
      expect(Math.abs(halfToFloat(numbers(half!)[i]!) - v)).toBeLessThanOrEqual(Math.abs(v) / 1024 + 1e-7);
      expect(Math.abs(asBrain(numbers(brain!)[i]!) - v)).toBeLessThanOrEqual(Math.abs(v) / 128);
    });
  });

  it('are refused for text and for unknown shapes', () => {
    expect(() => drawn(graphOf('string', ['n'], passed), [2])).toThrow("input 'i' has type string");
    const of = (...shape: Dim[]) => ({ name: 'i', type: { elementType: 'float32' as const, shape } });
    expect(() => boundDims({ name: 'i', type: { elementType: 'int32', shape: undefined } }, {})).toThrow(
      "the shape of input 'i' is not known; give example inputs (--inputs FILE",
    );
    expect(() => boundDims(of('n', 3), {})).toThrow('--inputs FILE');
    expect(() => boundDims(of('n', 0, 3), { n: 2 })).toThrow("input 'i' declares 0 for axis 1 ([n, 0, 3])");
    expect(() => boundDims(of('n', 2 ** 31), { n: 2 })).toThrow(
      "the model declares [n, 2147483648] for input 'i', which is too much to draw at random ([2, 2147483648]); give",
    );
  });
});

describe('indices', () => {
  const table = (b: GraphBuilder, rows: number) => b.parameter(`table_${rows}`, weight([rows, 2], rows));

  it('stay below the rows of the smallest table, and reach all of them', () => {
    const graph = graphOf('int64', ['n'], (i, b) =>
      apply('Add', [gather(table(b, 9), i), gather(table(b, 6), apply('Reshape', [i, b.constant(int64s([1], [-1]))]))]),
    );
    expect(distinct(drawn(graph, [200]))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('may be floats, as Keras has them', () => {
    const graph = graphOf('float32', ['n'], (i, b) => gather(table(b, 4), cast(i, 'int32')));
    expect(distinct(drawn(graph, [100]))).toEqual([0, 1, 2, 3]);
  });

  it('are found where the table is computed from stored numbers, or is as long as the sequence', () => {
    const turned = graphOf('int32', ['n'], (i, b) => gather(apply('Transpose', [table(b, 5)], { perm: [1, 0] }), i));
    expect(distinct(drawn(turned, [100]))).toEqual([0, 1]);
    const b = new GraphBuilder('inputs');
    const [x, i] = [b.input('x', 'float32', ['time', 2]), b.input('i', 'int64', ['n'])];
    b.output(gather(x, i), 'y');
    const graph = b.build();
    const sized = (time: number) => randomTensor(graph.inputs[1]!, graph, [300], randomStream(1), { time, n: 300 });
    expect(distinct(sized(4))).toEqual([0, 1, 2, 3]);
    expect(distinct(sized(2))).toEqual([0, 1]);
  });

  it('are found in loops', () => {
    const graph = graphOf('int64', ['time', 'batch'], (i, b) => {
      const rows = table(b, 3);
      return loop([], [i], (_, [step]) => [gather(rows, step!)])[0]!;
    });
    expect(distinct(drawn(graph, [10, 10]))).toEqual([0, 1, 2]);
  });

  it('have a depth where they become one-hot vectors', () => {
    const graph = graphOf('int64', ['n'], (i, b) =>
      apply('OneHot', [i, b.constant(int64s([1], [4])), b.float([0, 1])], {}),
    );
    expect(distinct(drawn(graph, [100]))).toEqual([0, 1, 2, 3]);
  });
});

describe('lengths of sequences', () => {
  const withLengths = (type: ElementType) => {
    const b = new GraphBuilder('lengths');
    const x = b.input('x', 'float32', ['steps', 'many', 3]);
    const lengths = b.input('lengths', type, ['many']);
    const [w, r] = [b.parameter('W', weight([1, 8, 3], 1)), b.parameter('R', weight([1, 8, 2], 2))];
    const narrow = apply('Cast', [lengths], { to: elementTypeNumbers.int32 });
    b.output(apply('LSTM', [x, w, r, undefined, narrow], { hidden_size: 2 }), 'y');
    return b.build();
  };

  it.each(['int32', 'int64'] as const)('are the number of steps: %s', (type) => {
    const graph = withLengths(type);
    const lengths = graph.inputs[1]!;
    expect(numbers(randomTensor(lengths, graph, [2], randomStream(1), { steps: 9, many: 2 }))).toEqual([9, 9]);
    // Without sizes, those of smallSizes.
    expect(smallSizes(graph)).toEqual({ steps: 7, many: 3 });
    expect(numbers(drawn({ ...graph, inputs: [lengths, graph.inputs[0]!] }, [3]))).toEqual([7, 7, 7]);
  });
});

describe('small sizes', () => {
  it('are what weights and states of fixed size imply', () => {
    const b = new GraphBuilder('sizes');
    const x = b.input('x', 'float32', ['time', 'batch', 'features']);
    const h = b.input('h', 'float32', [1, 6, 2]);
    const w = [b.parameter('W', weight([1, 6, 5], 1)), b.parameter('R', weight([1, 6, 2], 2))];
    b.output(apply('GRU', [x, ...w, undefined, undefined, h], { hidden_size: 2 }), 'y');
    expect(smallSizes(b.build())).toEqual({ time: 7, batch: 6, features: 5 });
  });

  it('grow with the window of a convolution', () => {
    const b = new GraphBuilder('sizes');
    const x = b.input('x', 'float32', ['batch', 1, 'samples']);
    b.output(apply('Conv', [x, b.parameter('w', weight([2, 1, 25], 1))], { strides: [10] }), 'y');
    const sizes = smallSizes(b.build());
    expect(sizes.batch).toBe(3);
    expect(sizes.samples).toBeGreaterThanOrEqual(25);
    expect(sizes.samples).toBeLessThan(50);
  });

  it('are the same for batches under different names, and vary otherwise', () => {
    const b = new GraphBuilder('sizes');
    const x = b.input('x', 'float32', ['batch', '?x_1', 'a']);
    const z = b.input('z', 'float32', ['?z_0', 3]);
    b.input('w', 'float32', ['a', 'e', 'c', '2*d']);
    b.output(apply('Relu', [x]), 'y');
    b.output(apply('Relu', [z]), 'v');
    const sizes = smallSizes(b.build());
    expect(sizes).toMatchObject({ batch: 3, '?z_0': 3 });
    expect(new Set([sizes.a, sizes.e, sizes.c, sizes.d]).size).toBe(4);
  });
});
