import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Tensor } from '../graph/types.ts';
import { type NumericType, STORAGE } from '../onnx/storage.ts';
import { bytesPerElement } from './arrays/elements.ts';
import { loadArrays, saveArrays } from './arrays.ts';

const FIXTURES = join(import.meta.dirname, '../../test/fixtures/arrays');
const expected: Record<string, Record<string, { type: string; shape: number[]; hex: string }>> = JSON.parse(
  readFileSync(join(FIXTURES, 'expected.json'), 'utf8'),
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-arrays-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function hex({ data }: Tensor): string {
  if (Array.isArray(data)) throw new Error('expected numbers');
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
}

const described = (arrays: ReadonlyMap<string, Tensor>) =>
  Object.fromEntries(
    [...arrays].map(([name, tensor]) => [name, { type: tensor.elementType, shape: tensor.dims, hex: hex(tensor) }]),
  );

const float = (dims: number[], data: number[]): Tensor => ({
  elementType: 'float32',
  dims,
  data: Float32Array.from(data),
});

describe('loadArrays', () => {
  it.each(Object.keys(expected))('reads %s as Python wrote it', async (file) => {
    expect(described(await loadArrays(join(FIXTURES, file)))).toEqual(expected[file]);
  });

  it('gives typed arrays of the type', async () => {
    const arrays = await loadArrays(join(FIXTURES, 'plain.npz'));
    expect(arrays.get('i8')?.data).toBeInstanceOf(BigInt64Array);
    expect(arrays.get('f2')?.data).toBeInstanceOf(Uint16Array);
    expect(arrays.get('b1')?.data).toEqual(Uint8Array.of(1, 0, 1));
    expect(arrays.get('scalar')).toEqual(float([], [1.5]));
  });

  it('refuses text and Python objects', async () => {
    await expect(loadArrays(join(FIXTURES, 'text.npz'))).rejects.toThrow(
      /array 'words': its element type '<U4' stands for text/,
    );
    await expect(loadArrays(join(FIXTURES, 'objects.npz'))).rejects.toThrow(
      /array 'objects': its element type '\|O' stands for Python objects/,
    );
  });

  it('refuses what is no file, and other endings', async () => {
    mkdirSync(join(folder, 'folder.npz'));
    await expect(loadArrays(join(folder, 'nowhere.npz'))).rejects.toThrow(/nowhere\.npz: there is no such file/);
    await expect(loadArrays(join(folder, 'folder.npz'))).rejects.toThrow(/folder\.npz is a folder without arrays/);
    await expect(loadArrays('model.onnx')).rejects.toThrow(
      'cannot read arrays in model.onnx: expected a name that ends in .npz, .npy, .safetensors, .jsonl, .ndjson',
    );
    for (const ending of ['npz', 'npy', 'safetensors', 'jsonl']) {
      const path = join(folder, `empty.${ending}`);
      writeFileSync(path, '');
      await expect(loadArrays(path)).rejects.toThrow(UsageError);
    }
  });
});

const TYPES: NumericType[] = ['float16', 'float32', 'float64', 'int8', 'int64', 'uint8', 'uint16', 'uint64', 'bool'];

const tensorOf = (types: readonly NumericType[]) =>
  fc.tuple(fc.constantFrom(...types), fc.array(fc.nat(4), { maxLength: 3 })).chain(([elementType, dims]) => {
    const bytes = dims.reduce((a, b) => a * b, 1) * bytesPerElement(elementType);
    const byte = elementType === 'bool' ? fc.nat(1) : fc.nat(255);
    return fc.array(byte, { minLength: bytes, maxLength: bytes }).map(
      (values): Tensor => ({
        elementType,
        dims,
        data: new STORAGE[elementType].kind(Uint8Array.from(values).buffer),
      }),
    );
  });

const arraysOf = (types: readonly NumericType[]) =>
  fc
    .dictionary(fc.string({ unit: 'grapheme', maxLength: 12 }), tensorOf(types), { maxKeys: 4 })
    .map((object) => new Map(Object.entries(object)));

describe('saveArrays', () => {
  it.each([
    ['npz', TYPES],
    ['safetensors', [...TYPES, 'bfloat16' as const]],
  ])('writes %s files that read as what was written', async (ending, types) => {
    const path = join(folder, `written.${ending}`);
    await fc.assert(
      fc.asyncProperty(arraysOf(types), async (arrays) => {
        await saveArrays(path, arrays);
        expect(described(await loadArrays(path))).toEqual(described(arrays));
      }),
      { numRuns: 60 },
    );
    expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it('makes equal files of equal arrays', async () => {
    const arrays = new Map([['/lstm/W', float([2, 1], [1, 2])]]);
    for (const ending of ['npz', 'safetensors']) {
      const paths = ['one', 'two'].map((name) => join(folder, `${name}.${ending}`));
      for (const path of paths) await saveArrays(path, arrays);
      expect(readFileSync(paths[0]!).equals(readFileSync(paths[1]!))).toBe(true);
    }
  });

  it('are read from a folder without its hidden files', async () => {
    const inside = join(folder, 'mac');
    mkdirSync(inside);
    await saveArrays(join(inside, 'x.npz'), new Map([['x', float([2], [1, 2])]]));
    writeFileSync(join(inside, '._x.npz'), 'no arrays');
    expect([...(await loadArrays(inside)).keys()]).toEqual(['x']);
  });

  it('refuses what the format does not have', async () => {
    const save = (file: string, name: string, tensor: Tensor) =>
      saveArrays(join(folder, file), new Map([[name, tensor]]));
    const bfloat: Tensor = { elementType: 'bfloat16', dims: [1], data: Uint16Array.of(1) };
    await expect(save('x.npz', 'w', bfloat)).rejects.toThrow(/array 'w' is bfloat16.*save as \.safetensors instead/);
    await expect(save('x.safetensors', '__metadata__', bfloat)).rejects.toThrow(/cannot have the name '__metadata__'/);
    await expect(save('x.npz', '\ud800', float([], [1]))).rejects.toThrow(/the name "\\ud800" is broken/);
    await expect(save('x.npy', 'x', float([], [1]))).rejects.toThrow(/a name that ends in \.npz, \.safetensors/);
    const text: Tensor = { elementType: 'string', dims: [1], data: ['gate'] };
    await expect(save('x.npz', 'words', text)).rejects.toThrow(SlimError);
    await expect(save('x.npz', 'w', float([3], [1, 2]))).rejects.toThrow(/'w': it has 2 elements, expected 3/);
    const wrong: Tensor = { elementType: 'int64', dims: [1], data: Float32Array.of(1) };
    await expect(save('x.npz', 'w', wrong)).rejects.toThrow(/of kind Float32Array, expected BigInt64Array for int64/);
    expect(readdirSync(folder)).not.toContain('x.npz');
  });
});
