import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SlimError } from '../base/errors.ts';
import type { Attribute, Model, Tensor } from '../graph/types.ts';
import * as ort from '../runtime/nodeEngine.ts';
import { readModel } from './read.ts';
import { encodeModel, writeModel } from './write.ts';

const tiny = readModel(readFileSync(new URL('../../test/fixtures/onnx/tiny.onnx', import.meta.url)));

const withTensor = (tensor: Tensor): Model => ({
  ...tiny,
  graph: { ...tiny.graph, initializers: new Map([['w', tensor]]) },
});
const withAttribute = (value: Attribute): Model => ({
  ...tiny,
  graph: {
    ...tiny.graph,
    nodes: [{ op: 'Op', domain: '', name: 'n', inputs: [], outputs: [], attributes: { a: value } }],
  },
});

describe('a written file', () => {
  it('runs on ONNX Runtime', async () => {
    const session = await ort.InferenceSession.create(writeModel(tiny), { logSeverityLevel: 3 });
    const x = new ort.Tensor('float32', [1, 2, 3, 4], [1, 2, 2]);
    const run = async (flag: boolean) => {
      const { y, far } = await session.run({ x, flag: new ort.Tensor('bool', [flag], []) });
      expect(far?.data).toEqual(BigInt64Array.of(0n, 2n ** 63n - 1n, -(2n ** 63n)));
      expect(y?.dims).toEqual([1, 2, 3]);
      return Array.from(y?.data as Float32Array);
    };
    // x @ [[0, 1, 2], [3, 4, 5]] with 2 * [0.5, -1, 1.5] added or subtracted.
    expect(await run(true)).toEqual([6 + 1, 9 - 2, 12 + 3, 12 + 1, 19 - 2, 26 + 3]);
    expect(await run(false)).toEqual([6 - 1, 9 + 2, 12 - 3, 12 - 1, 19 + 2, 26 - 3]);
    await session.release();
  });

  it('is the pieces one after the other, the weights among them not copied', () => {
    const data = new Float32Array(300).fill(0.25);
    const model = withTensor({ elementType: 'float32', dims: [10, 20], data: data.subarray(50, 250) });
    const pieces = encodeModel(model);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from(writeModel(model)));
    const views = pieces.filter((piece) => piece.buffer === data.buffer);
    expect(views.map(({ byteOffset, byteLength }) => ({ byteOffset, byteLength }))).toEqual([
      { byteOffset: 200, byteLength: 800 },
    ]);
  });
});

describe('what ONNX cannot hold', () => {
  it.each<[string, Model, string]>([
    [
      'a missing value',
      withTensor({ elementType: 'float32', dims: [2, 2], data: new Float32Array(3) }),
      "cannot write initializer 'w' of graph 'tiny': it has 3 values, expected 4 for float32 [2, 2]",
    ],
    [
      'another array than the element type',
      withTensor({ elementType: 'float32', dims: [1], data: new Float64Array(1) }),
      'kind Float64Array does not hold float32 values',
    ],
    [
      'strings as numbers',
      withTensor({ elementType: 'int64', dims: [1], data: ['1'] }),
      'kind Array does not hold int64 values',
    ],
    [
      'numbers as strings',
      withTensor({ elementType: 'string', dims: [1], data: new Int8Array(1) }),
      'kind Int8Array does not hold string values',
    ],
    [
      'half a size',
      withTensor({ elementType: 'int8', dims: [0.5, 2], data: new Int8Array(1) }),
      'expected an integer >= 0, got 0.5',
    ],
    ['a fraction', withAttribute({ type: 'ints', value: [1, 0.5] }), "cannot write attribute 'a' of node 0 'n' (Op)"],
    ['an unsafe integer', withAttribute({ type: 'int', value: 2 ** 53 }), 'got 9007199254740992'],
    ['no number', withAttribute({ type: 'int', value: Number.NaN }), 'got NaN'],
    ['a float out of range', withAttribute({ type: 'float', value: 1e39 }), '1e+39 is out of the range of float32'],
    ['half a surrogate pair', withAttribute({ type: 'string', value: 'a\ud800' }), 'half a surrogate pair'],
    ['a fractional version', { ...tiny, irVersion: 8.5 }, 'cannot write the ir_version'],
  ])('%s is refused', (_, model, message) => {
    expect(() => writeModel(model)).toThrow(SlimError);
    expect(() => writeModel(model)).toThrow(message);
  });

  it('2 GiB are refused before anything is put together', () => {
    const data = new Uint8Array(2 ** 29);
    const tensor: Tensor = { elementType: 'uint8', dims: [2 ** 29], data };
    const initializers = new Map(['a', 'b', 'c', 'd'].map((name) => [name, tensor]));
    const model: Model = { ...tiny, graph: { ...tiny.graph, initializers } };
    expect(() => writeModel(model)).toThrow('an ONNX file must be smaller than 2 GiB');
  });
});
