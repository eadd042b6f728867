import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../base/errors.ts';
import { loadArrays } from '../arrays.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-safetensors-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file with this header and so many bytes of data. */
function file(header: unknown, dataBytes: number, headerLength?: bigint): Promise<unknown> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length));
  const path = join(folder, 'model.safetensors');
  writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(dataBytes, 2)]));
  return loadArrays(path);
}

const entry = (dtype: string, shape: unknown, begin: unknown, end: unknown) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'a header longer than the file',
      () => file({}, 0, 2n ** 63n),
      'its header has 9223372036854775808 bytes (offset 0)',
    ],
    ['text that is not JSON', () => file('{', 0), 'its header (offset 8) is not JSON in UTF-8'],
    ['a list', () => file([], 0), 'its header (offset 8) is not a JSON object'],
    ['metadata that is no text', () => file({ __metadata__: { a: 1 } }, 0), '__metadata__ in its header (offset 8)'],
    ['an entry that is none', () => file({ w: 1 }, 0), "tensor 'w': its header entry is wrong"],
    [
      'a negative size',
      () => file({ w: entry('F32', [-1], 0, 4) }, 4),
      "tensor 'w': its header entry is wrong: shape: 0",
    ],
    ['offsets that are no integers', () => file({ w: entry('F32', [1], 0.5, 4) }, 4), 'data_offsets: 0'],
    ['an unknown type', () => file({ w: entry('F8_E4M3', [4], 0, 4) }, 4), 'its type F8_E4M3 is not supported'],
    [
      'a shape of other size',
      () => file({ w: entry('F32', [2], 0, 4) }, 4),
      'F32 [2] takes 8 bytes, but its offsets are 0 to 4',
    ],
    ['a huge shape', () => file({ w: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, 4), "tensor 'w': F32"],
    [
      'an overlap',
      () => file({ v: entry('I16', [2], 0, 4), w: entry('I16', [2], 2, 6) }, 6),
      "tensor 'w' at 2 overlaps the tensor before it, which ends at 4",
    ],
    ['a gap', () => file({ w: entry('F32', [1], 4, 8) }, 8), "tensor 'w' at 4 leaves a gap before it"],
    ['missing data', () => file({ w: entry('F32', [2], 0, 8) }, 4), "tensor 'w' reaches to byte"],
    ['data of no tensor', () => file({ w: entry('F32', [1], 0, 4) }, 5), 'its tensors end at byte'],
    [
      'a bool that is none',
      () => file({ w: entry('BOOL', [1], 0, 1) }, 1),
      "tensor 'w': bool element 0 is 2, expected 0 or 1",
    ],
  ])('refuses %s', async (_, make, message) => {
    const result = make();
    await expect(result).rejects.toThrow(UsageError);
    await expect(result).rejects.toThrow(message);
  });

  it('reads a file without tensors', async () => {
    expect(await file({ __metadata__: { format: 'pt' } }, 0)).toEqual(new Map());
  });
});
