import { describe, expect, it } from 'vitest';
import { floats, int64s } from '../graph/attributes.ts';
import { withType } from '../graph/convert.ts';
import type { ElementType, Graph, Tensor, TensorData, ValueInfo } from '../graph/types.ts';
import { givenInputs, zeroStates } from './givenInputs.ts';

const info = (name: string, elementType: ElementType, shape: ValueInfo['type']['shape']): ValueInfo => {
  return { name, type: { elementType, shape } };
};
const graph: Pick<Graph, 'inputs'> = {
  inputs: [
    info('tokens', 'int32', ['time', 'batch']),
    info('features', 'float32', ['time', 'batch', 2]),
    info('hidden', 'float16', [1, 'batch', 3]),
  ],
};
const states = new Set(['hidden']);
const given = (arrays: Record<string, Tensor>) =>
  givenInputs(graph as Graph, states, new Map(Object.entries(arrays)), 'data.npz');
const zeros = (...dims: number[]) => floats(dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
const tokens = int64s([2, 3], [0, 1, 2, 3, 4, 5]);
const features = zeros(2, 3, 2);

describe('givenInputs', () => {
  it('takes arrays by name, converts types, leaves states out and tells of others', () => {
    const { feeds, unused } = given({ tokens, features, targets: tokens });
    expect(feeds).toEqual({
      tokens: { elementType: 'int32', dims: [2, 3], data: Int32Array.of(0, 1, 2, 3, 4, 5) },
      features,
    });
    expect(unused).toEqual(['targets']);
    expect(zeroStates(graph as Graph, states, feeds)).toEqual({
      hidden: { elementType: 'float16', dims: [1, 3, 3], data: new Uint16Array(9) },
    });
    expect(zeroStates(graph as Graph, states, { hidden: zeros(1, 3, 3) })).toEqual({});
  });

  it.each<[string, Record<string, Tensor>, RegExp]>([
    [
      'a missing array',
      { features },
      /^data.npz has no array for input 'tokens'; arrays go by .* 'tokens' int32 \[time, batch\]/,
    ],
    ['a misspelt one', { token: tokens, features }, /no array for input 'tokens' \(did you mean 'token'\?\)/],
    ['a misspelt state', { tokens, features, Hidden: zeros(1, 3, 3) }, /input 'hidden' \(did you mean 'Hidden'\?\)/],
    [
      'another rank',
      { tokens: int64s([6], [0, 0, 0, 0, 0, 0]), features },
      /'tokens' of data.npz has dimensions \[6\]; the model declares \[time, batch\]$/,
    ],
    ['another size', { tokens, features: zeros(2, 3, 4) }, /dimensions \[2, 3, 4\]; .*: axis 2 must be 2, not 4/],
    ['sizes that disagree', { tokens, features: zeros(2, 4, 2) }, /'batch' is 4 here, but 3 in array 'tokens'/],
    ['nothing', { tokens: int64s([0, 3], []), features }, /nothing to compare in an empty array/],
    [
      'a real where an index is wanted',
      { tokens: floats([2, 3], [0, 0, 0, 0, 0.5, 0]), features },
      /value 0.5 at position 4; the model wants int32/,
    ],
  ])('refuses %s', (_, arrays, message) => {
    expect(() => given(arrays)).toThrow(message);
  });
});

describe('withType', () => {
  const converted = (from: ElementType, data: TensorData, to: ElementType) => [
    ...withType({ elementType: from, dims: [data.length], data }, to, 'array x').data,
  ];

  it('keeps integers exactly and rounds reals', () => {
    expect(converted('int32', Int32Array.of(-1, 7), 'int64')).toEqual([-1n, 7n]);
    expect(converted('float64', Float64Array.of(3, -2), 'int8')).toEqual([3, -2]);
    expect(converted('float64', Float64Array.of(0.1, Number.NaN), 'float32')).toEqual([Math.fround(0.1), Number.NaN]);
    expect(converted('float32', Float32Array.of(1, Number.NEGATIVE_INFINITY), 'float16')).toEqual([0x3c00, 0xfc00]);
    expect(converted('float16', Uint16Array.of(0xc000), 'float64')).toEqual([-2]);
    expect(converted('int64', BigInt64Array.of(0n, 1n), 'bool')).toEqual([0, 1]);
    expect(converted('uint8', Uint8Array.of(200), 'float32')).toEqual([200]);
  });

  it.each<[ElementType, TensorData, ElementType, RegExp]>([
    ['int64', BigInt64Array.of(1n, 2n ** 31n), 'int32', /^array x has the value 2147483648 at position 1; .*int32/],
    ['int32', Int32Array.of(-1), 'uint64', /value -1/],
    ['int64', BigInt64Array.of(2n ** 24n + 1n), 'float32', /value 16777217/],
    ['float64', Float64Array.of(1e300), 'float32', /value 1e\+300/],
    ['float32', Float32Array.of(Number.NaN), 'int64', /value NaN/],
    ['uint8', Uint8Array.of(2), 'bool', /value 2/],
    ['string', ['1'], 'int32', /array x is string, the model wants int32/],
  ])('refuses %s %s as %s', (from, data, to, message) => {
    expect(() => converted(from, data, to)).toThrow(message);
  });
});
