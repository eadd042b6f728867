import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { file, type PlainGraph, refusal } from '../../test/support/onnxFiles.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import { gather } from '../graph/ops.ts';
import { SparseTensor, sparseOf } from '../graph/sparseTensor.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { nodeRuntime } from '../runtime/node.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { loadWebRuntime } from '../runtime/webInNode.ts';
import { TensorProto_DataType as Type } from './onnx_pb.ts';
import { readModel } from './read.ts';
import { encodedIntegers } from './varints.ts';
import { writeModel } from './write.ts';

type Sparse = Extract<NonNullable<PlainGraph['sparseInitializer']>[number], { $typeName?: never }>;

/** Three values of a tensor [2, 3] in a file. */
function sparseFile(change: Partial<Sparse> = {}, type = Type.INT64): Uint8Array {
  return file({
    sparseInitializer: [
      {
        values: { name: 'w', dims: [3n], dataType: Type.FLOAT, floatData: [1, -2, 3] },
        indices: { dims: [3n], dataType: type, int64Data: [0n, 2n, 4n] },
        dims: [2n, 3n],
        ...change,
      },
    ],
  });
}

const fixture = (name: string) => new URL(`../../test/fixtures/onnx/${name}`, import.meta.url);
const expected = z.object({ words: z.array(z.array(z.int())), logits: z.array(z.array(z.number())) });

async function outputs(runtime: Runtime, model: Model, feeds: Tensors): Promise<Record<string, Tensor>> {
  const session = await runtime.createSession(model);
  const made = await session.run(feeds);
  await session.release();
  return made;
}

const tensorIn = (bytes: Uint8Array): Tensor => readModel(bytes, 'm.onnx').graph.initializers.get('w')!;
const indices = (dims: readonly bigint[], int64Data: readonly bigint[]) => ({
  indices: { dims: [...dims], dataType: Type.INT64, int64Data: [...int64Data] },
});

describe('a sparse initializer', () => {
  it.each<[string, Uint8Array]>([
    ['flat indices', sparseFile()],
    ['a coordinate for each axis', sparseFile(indices([3n, 2n], [0n, 0n, 0n, 2n, 1n, 1n]))],
    [
      'indices in any order',
      sparseFile({
        values: { name: 'w', dims: [3n], dataType: Type.FLOAT, floatData: [3, 1, -2] },
        ...indices([3n], [4n, 0n, 2n]),
      }),
    ],
    [
      'raw indices',
      sparseFile({
        indices: {
          dims: [3n],
          dataType: Type.INT64,
          rawData: new Uint8Array(BigInt64Array.of(0n, 2n, 4n).buffer),
        },
      }),
    ],
    [
      'narrower indices, as ONNX Runtime reads them',
      sparseFile({ indices: { dims: [3n], dataType: Type.INT32, int32Data: [0, 2, 4] } }),
    ],
  ])('is read with %s', (_, bytes) => {
    const tensor = tensorIn(bytes);
    expect(tensor).toBeInstanceOf(SparseTensor);
    expect([...(tensor as SparseTensor).indices]).toEqual([0, 2, 4]);
    expect(tensor).toMatchObject({ elementType: 'float32', dims: [2, 3] });
    expect([...(tensor.data as Float32Array)]).toEqual([1, 0, -2, 0, 3, 0]);
  });

  it('may have no values, and other types', () => {
    const empty = { name: 'w', dims: [0n], dataType: Type.FLOAT };
    expect([...tensorIn(sparseFile({ values: empty, ...indices([0n], []) })).data]).toEqual([0, 0, 0, 0, 0, 0]);
    const whole = { name: 'w', dims: [3n], dataType: Type.INT64, int64Data: [7n, 8n, 9n] };
    expect([...tensorIn(sparseFile({ values: whole })).data]).toEqual([7n, 0n, 8n, 0n, 9n, 0n]);
  });

  it.each<[string, Partial<Sparse>]>([
    ["an index of sparse initializer 'w' of graph '' is 6, of 6 places", indices([3n], [0n, 2n, 6n])],
    ['is -1, of 6 places', indices([3n], [-1n, 2n, 5n])],
    ['is 3, of 3 places', indices([3n, 2n], [0n, 0n, 0n, 3n, 1n, 1n])],
    ["the index 2 of sparse initializer 'w' of graph '' occurs twice", indices([3n], [2n, 0n, 2n])],
    ['are [2], for 3 values of 2 axes', indices([2n], [0n, 1n])],
    ['are [3,3], for 3 values of 2 axes', indices([3n, 3n], Array(9).fill(0n))],
  ])('is refused where %s', (message, change) => {
    expect(refusal(sparseFile(change))).toContain(message);
  });

  it('is not laid out for a claim of many elements', () => {
    const { graph } = readModel(sparseFile({ dims: [1_000_000n, 1_000_000n] }), 'm.onnx');
    expect(graph.opaqueInitializers?.get('w')).toMatchObject({ kind: 'sparse', dims: [1_000_000, 1_000_000] });
  });
});

const bitsOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength);

/** A table [words, size] in which every 25th place has a value; some are −0 and 0. */
function tableModel(words: number, size: number): { model: Model; tensor: SparseTensor } {
  const places = Uint32Array.from({ length: Math.floor((words * size) / 25) }, (_, i) => 25 * i + (i % 7));
  const values = Float32Array.from(places, (_, i) => (i % 10 === 0 ? -0 : i % 11 === 0 ? 0 : Math.sin(i)));
  const tensor = new SparseTensor({ elementType: 'float32', dims: [words, size] }, values, places);
  const b = new GraphBuilder('table');
  b.output(gather(b.parameter('table', tensor), b.input('words', 'int32', ['n'])), 'rows');
  return { model: modelOf(b.build()), tensor };
}

describe('a sparse tensor', () => {
  it('takes at most eight bytes for each value, and is read back bit for bit', () => {
    const { model, tensor } = tableModel(20_000, 256);
    const bytes = writeModel(model);
    expect(bytes.length / tensor.count).toBeLessThan(8);
    const back = readModel(bytes).graph.initializers.get('table') as SparseTensor;
    expect(bitsOf(back.indices).equals(bitsOf(tensor.indices))).toBe(true);
    expect(bitsOf(back.values).equals(bitsOf(tensor.values))).toBe(true);
    expect(bitsOf(writeModel(readModel(bytes))).equals(bytes)).toBe(true);
  });

  it.each<[string, () => Promise<Runtime>]>([
    ['Node', async () => nodeRuntime],
    ['WebAssembly', loadWebRuntime],
  ])('computes what the ordinary one does, in %s', async (_, load) => {
    const { model, tensor } = tableModel(50, 30);
    const { elementType, dims, data } = tensor;
    const dense = {
      ...model,
      graph: { ...model.graph, initializers: new Map([['table', { elementType, dims, data }]]) },
    };
    const words = { elementType: 'int32', dims: [3], data: Int32Array.of(49, 0, 7) } as const;
    const runtime = await load();
    const [ours, theirs] = await Promise.all(
      [model, dense].map(async (m) => (await outputs(runtime, m, { words })).rows!.data),
    );
    expect(ours).toEqual(theirs);
  });

  it.each<[string, () => Promise<Runtime>]>([
    ['Node', async () => nodeRuntime],
    ['WebAssembly', loadWebRuntime],
  ])(
    "of a file that Python's onnx wrote is read, written and run in %s as Python's ONNX Runtime ran it",
    async (_, load) => {
      const model = readModel(readFileSync(fixture('sparse.onnx')));
      const stored = ['embedding', 'W', 'R'].map((name) => model.graph.initializers.get(name));
      for (const tensor of stored) expect(tensor).toBeInstanceOf(SparseTensor);
      const { words, logits } = expected.parse(JSON.parse(readFileSync(fixture('sparse.json'), 'utf8')));
      const data = Int32Array.from(words.flat());
      const feeds = { words: { elementType: 'int32', dims: [words.length, words[0]!.length], data } } as const;
      const made = (await outputs(await load(), readModel(writeModel(model)), feeds)).logits!.data as Float32Array;
      for (const [i, value] of logits.flat().entries()) expect(made[i]).toBeCloseTo(value, 6);
    },
  );

  it('is made of the values of a dense one that are not plain zeros', () => {
    const data = Float32Array.of(0, -0, 2, 0, Number.NaN);
    const sparse = sparseOf({ elementType: 'float32', dims: [5], data });
    expect([...sparse.indices]).toEqual([1, 2, 4]);
    expect(Object.is(sparse.values[0], -0)).toBe(true);
  });
});

it('integers are packed as protobuf has them', () => {
  expect([...encodedIntegers(Uint32Array.of(0, 127, 128, 300, 2 ** 32 - 1))]).toEqual([
    0, 0x7f, 0x80, 1, 0xac, 2, 0xff, 0xff, 0xff, 0xff, 0x0f,
  ]);
});
