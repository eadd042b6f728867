import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { meaning } from '../../test/support/protos.ts';
import { UsageError } from '../base/errors.ts';
import { modelOf } from '../graph/model.ts';
import type { Model, Tensor } from '../graph/types.ts';
import * as ort from '../runtime/nodeEngine.ts';
import { loadModel, saveModel } from './file.ts';
import { ModelProtoSchema, TensorProto_DataLocation, TensorProto_DataType as Type } from './onnx_pb.ts';
import { writeModel } from './write.ts';

let folder: string;
let path: string;

beforeEach(() => {
  const above = mkdtempSync(join(tmpdir(), 'slimrnn-external-'));
  writeFileSync(join(above, 'secret.bin'), new Uint8Array(64));
  folder = join(above, 'model');
  mkdirSync(folder);
  path = join(folder, 'm.onnx');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

interface Outer {
  readonly name?: string;
  readonly dims?: readonly bigint[];
  readonly dataType?: Type;
  readonly [key: string]: unknown;
}

/** Writes a model whose weights lie in data files; keys that are no fields of a tensor are those of `external_data`. */
function writeOuter(...tensors: readonly Outer[]): void {
  const initializer = tensors.map(({ name = 'w', dims = [4n], dataType = Type.FLOAT, ...entries }) => ({
    name,
    dims: [...dims],
    dataType,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value: String(value) })),
  }));
  const opsetImport = [{ domain: '', version: 17n }];
  const model = create(ModelProtoSchema, { irVersion: 8n, opsetImport, graph: { name: 'g', initializer } });
  writeFileSync(path, toBinary(ModelProtoSchema, model));
}

function writeFloats(name: string, values: readonly number[]): void {
  writeFileSync(join(folder, name), new Uint8Array(Float32Array.from(values).buffer));
}

async function refusal(): Promise<string> {
  const error = await loadModel(path).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).message;
}

describe('external data', () => {
  it('are read where they lie, also when tensors share them', async () => {
    mkdirSync(join(folder, 'weights'));
    writeFloats('weights/data.bin', [9, 1, 2, 3, 4, 5]);
    const location = 'weights/data.bin';
    writeOuter(
      { name: 'a', location, offset: 4, length: 16 },
      { name: 'b', location, offset: 4, length: 16 },
      { name: 'c', location, offset: 20, dims: [1n] },
      { name: 'd', location, dims: [1n], checksum: 'not looked at' },
    );
    const { graph } = await loadModel(path);
    const values = Array.from(graph.initializers, ([name, { data }]) => [name, ...data]);
    expect(values).toEqual([
      ['a', 1, 2, 3, 4],
      ['b', 1, 2, 3, 4],
      ['c', 5],
      ['d', 9],
    ]);
    const [a, b] = ['a', 'b'].map((name) => graph.initializers.get(name)?.data as Float32Array);
    expect(a?.buffer).toBe(b?.buffer);
  });

  it('become part of the model that is written', async () => {
    writeFileSync(join(folder, 'data.bin'), Uint8Array.of(0x21, 0x43, 0x65, 7, 8));
    // Four bits each: how many bytes that takes is for others to know; without a length it is the rest of the file.
    writeOuter(
      { dims: [6n], dataType: Type.INT4, location: 'data.bin', length: 3 },
      { name: 'v', dims: [2n], dataType: Type.UINT8, location: 'data.bin', offset: 3 },
    );
    const model = await loadModel(path);
    expect(meaning(writeModel(model))).toEqual(meaning(readFileSync(path), folder));
  });

  it.each<[string, Outer, string]>([
    [
      'no file',
      { location: 'data.bin' },
      "initializer 'w' of graph 'g' keeps its values in another file (external data), 'data.bin': there is no such file",
    ],
    ['no name', {}, 'no file is named'],
    ['a path above', { location: '../secret.bin' }, "the path leads out of the model's folder"],
    [
      'a path above that comes back',
      { location: 'x/../../model/data.bin' },
      "the path leads out of the model's folder",
    ],
    ['a path above for Windows', { location: '..\\secret.bin' }, "the path leads out of the model's folder"],
    ['an absolute path', { location: '/etc/passwd' }, 'the path is absolute'],
    ['an absolute path for Windows', { location: 'C:\\secret.bin' }, 'the path is absolute'],
    ['a drive', { location: 'c:secret.bin' }, 'the path is absolute'],
    ['a zero byte', { location: 'data\0.bin' }, 'cannot hold a zero byte'],
    ['the folder', { location: '.' }, 'it is no file'],
    ['a link that leads out', { location: 'link.bin' }, "a link that leads out of the model's folder"],
    ['a link of folders that leads out', { location: 'up/secret.bin' }, "a link that leads out of the model's folder"],
    [
      'an offset behind the end',
      { location: 'short.bin', offset: 8 },
      "it has 16 bytes, but the tensor's are 16 from offset 8 on",
    ],
    [
      'a length beyond the end',
      { location: 'short.bin', dims: [2n ** 40n] },
      "it has 16 bytes, but the tensor's are 4398046511104",
    ],
    [
      'a length that is not that of the values',
      { location: 'short.bin', length: 12 },
      "'w' of graph 'g' has 12 bytes of external data, expected 4 for float32 [4]",
    ],
    [
      'a negative offset',
      { location: 'short.bin', offset: -4 },
      "the offset of the external data of initializer 'w' of graph 'g' is '-4'",
    ],
    [
      'a length of words',
      { location: 'short.bin', length: 'all' },
      "the length of the external data of initializer 'w' of graph 'g' is 'all'",
    ],
    ['strings', { location: 'short.bin', dataType: Type.STRING }, 'has 0 values, expected 4 for string'],
  ])('are refused with %s', async (_, tensor, message) => {
    writeFloats('short.bin', [1, 2, 3, 4]);
    symlinkSync('../secret.bin', join(folder, 'link.bin'));
    symlinkSync('..', join(folder, 'up'));
    writeOuter(tensor);
    const refused = await refusal();
    expect(refused).toContain(message);
    expect(refused).toContain(`cannot read ${path}: `);
  });

  it('may be links within the folder', async () => {
    writeFloats('real.bin', [1, 2, 3, 4]);
    symlinkSync('real.bin', join(folder, 'data.bin'));
    writeOuter({ location: 'data.bin' });
    expect((await loadModel(path)).graph.initializers.get('w')?.data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it('are refused where tensors overlap to more than the file holds', async () => {
    writeFloats('data.bin', [1, 2, 3, 4, 5]);
    writeOuter({ name: 'a', location: 'data.bin' }, { name: 'b', location: 'data.bin', offset: 4 });
    expect(await refusal()).toContain(
      "'b' of graph 'g' keeps its values in another file (external data), 'data.bin': the tensors in it overlap",
    );
  });

  it('are refused where a file of holes holds more than memory does', async () => {
    writeFileSync(join(folder, 'data.bin'), '');
    truncateSync(join(folder, 'data.bin'), 2 ** 43);
    writeOuter({ dims: [2n ** 43n], dataType: Type.UINT8, location: 'data.bin' });
    expect(await refusal()).toContain('8796093022208 bytes do not fit into memory');
  });
});

describe('a model that is saved with a data file', () => {
  const tensor = (length: number, value: number): Tensor => ({
    elementType: 'float32',
    dims: [length],
    data: new Float32Array(length).fill(value),
  });
  const y = { name: 'y', type: { elementType: 'float32' as const, shape: [300] } };
  const model: Model = modelOf({
    name: 'g',
    inputs: [],
    outputs: [y],
    initializers: new Map([
      ['a', tensor(300, 1)],
      ['b', tensor(300, 2)],
      ['c', tensor(1, 4)],
    ]),
    nodes: [{ op: 'Sum', domain: '', name: 'sum', inputs: ['a', 'b', 'c'], outputs: ['y'], attributes: {} }],
  });

  it('is read back, by ONNX Runtime as well', async () => {
    await saveModel(path, model, { externalData: 'w.bin' });
    expect(readFileSync(join(folder, 'w.bin')).byteLength).toBe(1216 + 1200);
    expect(readFileSync(path).byteLength).toBeLessThan(400);
    expect(await loadModel(path)).toEqual(model);
    const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
    expect((await session.run({})).y?.data).toEqual(new Float32Array(300).fill(7));
    await session.release();
    await saveModel(path, await loadModel(path));
    expect(readFileSync(path)).toEqual(Buffer.from(writeModel(model)));
  });

  it.each(['', '..', 'm.onnx', '../w.bin', 'folder/w.bin'])(
    'is refused with a data file called %j',
    async (externalData) => {
      await expect(saveModel(path, model, { externalData })).rejects.toThrow(UsageError);
    },
  );
});
