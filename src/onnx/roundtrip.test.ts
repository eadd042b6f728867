import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyModel } from '../../test/support/anyModel.ts';
import { UsageError } from '../base/errors.ts';
import type { Graph, Model } from '../graph/types.ts';
import { readFrom, readModel } from './read.ts';
import { startReading } from './reading.ts';
import { writeModel } from './write.ts';

/** The model with the bits of its arrays in place of the arrays: equality of numbers does not tell NaN from NaN. */
function bits(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    return [value.constructor.name, ...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  }
  if (value instanceof Map) return Array.from(value, bits);
  if (Array.isArray(value)) return value.map(bits);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, bits(part)]));
  }
  return value;
}

describe('writing a model and reading it back', () => {
  it('gives the same model, bit for bit', () => {
    fc.assert(
      fc.property(anyModel, (original) => {
        expect(bits(readModel(writeModel(original)))).toStrictEqual(bits(original));
      }),
      { numRuns: 200 },
    );
  });

  it('does so wherever the bytes lie in memory', () => {
    fc.assert(
      fc.property(anyModel, fc.integer({ min: 0, max: 7 }), (original, offset) => {
        const bytes = writeModel(original);
        const moved = new Uint8Array(bytes.byteLength + 8).subarray(offset, offset + bytes.byteLength);
        moved.set(bytes);
        const buffer = Buffer.from(moved.buffer, moved.byteOffset, moved.byteLength);
        expect(bits(readModel(buffer))).toStrictEqual(bits(original));
        expect(bytes).toEqual(moved);
        const owned = readFrom(startReading(moved, 'model', undefined, { ownsBytes: true }));
        expect(bits(owned)).toStrictEqual(bits(original));
      }),
      { numRuns: 50 },
    );
  });
});

/** Throws unless a graph and its subgraphs hold together. */
function expectSound(graph: Graph): void {
  for (const { dims, data } of graph.initializers.values()) {
    expect(data.length).toBe(dims.reduce((a, b) => a * b, 1));
  }
  for (const { attributes } of graph.nodes) {
    for (const value of Object.values(attributes)) if (value.type === 'graph') expectSound(value.value);
  }
}

/** What becomes of damaged bytes: a refusal, or a sound model. Any other error is thrown. */
function readDamaged(bytes: Uint8Array): 'refused' | 'read' {
  let read: Model;
  try {
    read = readModel(bytes, 'damaged.onnx');
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.message).toMatch(/^cannot read damaged\.onnx: /);
    return 'refused';
  }
  expectSound(read.graph);
  return 'read';
}

describe('damaged files', () => {
  it('are refused at every place they can be cut off', () => {
    fc.assert(
      fc.property(anyModel, (original) => {
        const bytes = writeModel(original);
        const step = Math.max(1, Math.floor(bytes.byteLength / 60));
        for (let end = 0; end < bytes.byteLength; end += step) {
          expect(readDamaged(bytes.subarray(0, end)), `cut at ${end}`).toBe('refused');
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are refused or read as a sound model when bytes are overwritten', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyModel, damage, (original, damage) => {
        const bytes = writeModel(original);
        for (const [at, value] of damage) bytes[at % bytes.byteLength] = value;
        readDamaged(bytes);
      }),
      { numRuns: 400 },
    );
  });

  it('are refused or read as a sound model when they are noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readDamaged(bytes)),
      { numRuns: 500 },
    );
  });
});
