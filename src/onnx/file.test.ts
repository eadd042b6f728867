import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SlimError, UsageError } from '../base/errors.ts';
import type { Model, Tensor } from '../graph/types.ts';
import { loadModel, saveModel } from './file.ts';
import { readModel } from './read.ts';
import { writeModel } from './write.ts';

const tiny = readModel(readFileSync(new URL('../../test/fixtures/onnx/tiny.onnx', import.meta.url)));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-onnx-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A model in which weights of 40 values each follow names and a text of various lengths. */
function withNames(): Model {
  const data = Float32Array.from({ length: 40 }, (_, i) => i / 8 - 2);
  const names = ['a', 'bc', 'def', 'ghij', 'k'.repeat(5)];
  const weights = names.map((name): [string, Tensor] => [name, { elementType: 'float32', dims: [5, 8], data }]);
  const steps: Tensor = { elementType: 'int64', dims: [1], data: BigInt64Array.of(-3n) };
  return { ...tiny, graph: { ...tiny.graph, initializers: new Map([...weights, ['steps', steps]]) } };
}

const weightsOf = ({ graph }: Model) =>
  [...graph.initializers.values()].filter((tensor) => tensor.elementType === 'float32');

describe('weights in a file', () => {
  it('are read without a copy wherever they begin', async () => {
    const path = join(folder, 'm.onnx');
    const original = withNames();
    await saveModel(path, original);
    // That there is something to move is seen in bytes that may not be changed.
    const bytes = new Uint8Array(readFileSync(path));
    const kept = readModel(bytes);
    expect(bytes).toEqual(new Uint8Array(readFileSync(path)));
    expect(weightsOf(kept).some(({ data }) => !Array.isArray(data) && data.buffer !== bytes.buffer)).toBe(true);
    const loaded = await loadModel(path);
    expect(loaded).toEqual(kept);
    expect(loaded.graph.initializers).toEqual(original.graph.initializers);
    const buffers = weightsOf(loaded).map(({ data }) => (Array.isArray(data) ? undefined : data.buffer));
    expect(buffers).toHaveLength(5);
    expect(new Set(buffers).size).toBe(1);
    expect(writeModel(loaded)).toEqual(bytes);
  });
});

describe('model files', () => {
  it('are written as writeModel does, and read back', async () => {
    const path = join(folder, 'm.onnx');
    writeFileSync(path, 'what was there before');
    await saveModel(path, tiny);
    expect(readFileSync(path)).toEqual(Buffer.from(writeModel(tiny)));
    expect(await loadModel(path)).toEqual(tiny);
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  it('stay as they were when a model cannot be written', async () => {
    const path = join(folder, 'm.onnx');
    writeFileSync(path, 'what was there before');
    await expect(saveModel(path, { ...tiny, irVersion: -1 })).rejects.toThrow(SlimError);
    expect(readFileSync(path, 'utf8')).toBe('what was there before');
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  it('leave no temporary file behind when the rename fails', async () => {
    const saved = saveModel(folder, tiny);
    await expect(saved).rejects.toThrow(SlimError);
    await expect(saved).rejects.toThrow(`cannot write ${folder}: it is a folder; name a file in it`);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith(`.${basename(folder)}.`))).toEqual([]);
  });

  it('that cannot be opened are named', async () => {
    const missing = join(folder, 'no', 'm.onnx');
    await expect(loadModel(missing)).rejects.toThrow(`cannot read ${missing}: there is no such file or folder`);
    await expect(saveModel(missing, tiny)).rejects.toThrow(`cannot write ${missing}: there is no such file or folder`);
    await expect(loadModel(folder)).rejects.toThrow(UsageError);
    const text = join(folder, 'text.onnx');
    writeFileSync(text, 'no model');
    await expect(loadModel(text)).rejects.toThrow(`cannot read ${text}: `);
    await expect(saveModel(join(text, 'm.onnx'), tiny)).rejects.toThrow('a part of the path is a file');
  });
});
