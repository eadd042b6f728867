import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadArrays } from '../arrays.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slimrnn-jsonl-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string | Uint8Array) {
  const path = join(folder, 'examples.jsonl');
  writeFileSync(path, text);
  return loadArrays(path);
}

const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

describe('JSON lines', () => {
  it('stacks every field over the examples', async () => {
    const arrays = await read(
      lines(
        {
          x: [
            [0.5, 1],
            [2, 3],
          ],
          y: 1,
          keep: true,
        },
        {
          keep: false,
          y: -2,
          x: [
            [4, 5],
            [6, 7],
          ],
        },
      ),
    );
    expect([...arrays]).toEqual([
      ['x', { elementType: 'float32', dims: [2, 2, 2], data: Float32Array.of(0.5, 1, 2, 3, 4, 5, 6, 7) }],
      ['y', { elementType: 'int64', dims: [2], data: BigInt64Array.of(1n, -2n) }],
      ['keep', { elementType: 'bool', dims: [2], data: Uint8Array.of(1, 0) }],
    ]);
  });

  it('pads the first axis with zeros and says how long the examples are', async () => {
    const arrays = await read(
      lines(
        { x: [[1, 2]] },
        { x: [] },
        {
          x: [
            [3, 4],
            [5, 6],
            [7, 8],
          ],
        },
      ),
    );
    expect(arrays.get('x')).toEqual({
      elementType: 'int64',
      dims: [3, 3, 2],
      data: BigInt64Array.from([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 4, 5, 6, 7, 8], BigInt),
    });
    expect(arrays.get('x_length')).toEqual({ elementType: 'int64', dims: [3], data: BigInt64Array.of(1n, 0n, 3n) });
    expect((await read(lines({ x: [true] }, { x: [true, true] }))).get('x')?.data).toEqual(Uint8Array.of(1, 0, 1, 1));
  });

  it('reads lines across chunks, blank lines, and a last line without an end', async () => {
    const x = Array.from({ length: 200_000 }, (_, i) => i);
    const arrays = await read(`${lines({ x })}\r\n\n${lines({ x })}${JSON.stringify({ x })}`);
    expect(arrays.get('x')?.dims).toEqual([3, 200_000]);
    expect(arrays.get('x')?.data.at(-1)).toBe(199_999n);
  });

  it('takes integers beyond the safe ones for float32', async () => {
    expect((await read('{"x": 1e20}')).get('x')).toEqual({
      elementType: 'float32',
      dims: [1],
      data: Float32Array.of(1e20),
    });
  });

  it.each([
    ['', 'it has no lines'],
    ['{"x": 1}\n{"x": ', 'line 2: it is not JSON'],
    ['[1]', 'line 1: it is not an object'],
    ['{"x": 1}\n\n{"y": 1}', "line 3: it has a field 'y', which the lines before do not have"],
    ['{"x": 1, "y": 1}\n{"x": 1}', "line 2: it has no field 'y'"],
    ['{"x": "gate"}', "line 1: field 'x' holds text; expected numbers"],
    ['{"x": [1, null]}', "line 1: field 'x' holds null"],
    ['{"x": [1, {}]}', "line 1: field 'x' holds a value of type object"],
    ['{"x": [1, [2]]}', "line 1: field 'x' holds a list"],
    ['{"x": [[1], 2]}', "line 1: field 'x' mixes lists and a value of type number at the same depth"],
    ['{"x": [[1, 2], [3]]}', "line 1: field 'x' has lists of 2 and of 1 at depth 2"],
    ['{"x": [1, true]}', "line 1: field 'x' mixes numbers with true and false"],
    ['{"x": 1}\n{"x": true}', "line 2: field 'x' mixes numbers with true and false"],
    ['{"x": [[1]]}\n{"x": [[1, 2]]}', "line 2: field 'x' has shape [1, 2], but [1, 1] in line 1"],
    ['{"x": 1}\n{"x": []}', "line 2: field 'x' has shape [0], but [] in line 1"],
    ['{"x": 1e39}', "line 1: field 'x' holds 1e+39, which is beyond float32"],
    ['{"x": 1e999}', 'holds Infinity'],
    [`{"x": ${'['.repeat(5000)}${']'.repeat(5000)}}`, "field 'x' is nested deeper than 16 lists"],
    ['{"x": [1], "x_length": 1}\n{"x": [1, 2], "x_length": 2}', "needs the name 'x_length', which is taken"],
  ])('refuses %.40s', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it('refuses bytes that are no text, and padding out of all proportion', async () => {
    await expect(read(Uint8Array.of(10, 0x22, 0xff, 0x22))).rejects.toThrow('line 2 is not UTF-8 text');
    const long = lines({ x: Array(30_000).fill(1) });
    await expect(read(lines({ x: [1] }).repeat(10_000) + long)).rejects.toThrow(
      "line 10001: field 'x' is so long that padding the others to it takes 2400240000 bytes",
    );
  });
});
