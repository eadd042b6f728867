import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { loadCorpus } from './corpus.ts';
import { type Corpus, makeCorpus } from './makeCorpus.ts';

let root = '';
let folders = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'corpus-'));
});
afterAll(() => rm(root, { recursive: true }));

/** Makes a folder with these files and returns its path. */
async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = join(root, String(folders++));
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

async function fileOf(content: string | Uint8Array): Promise<string> {
  return join(await folderOf({ 'text.txt': content }), 'text.txt');
}

async function refusal(path: string): Promise<string> {
  const error: unknown = await loadCorpus(path).catch((reason: unknown) => reason);
  if (!(error instanceof UsageError)) throw new Error(`expected a UsageError, got ${String(error)}`);
  return error.message;
}

const decode = (corpus: Corpus, ids: Int32Array) => [...ids].map((id) => corpus.vocabulary.words[id]).join(' ');

const texts = { train: 'a a b\nb a\n', valid: 'b x\n', test: 'a\n' };

describe('loadCorpus from a folder', () => {
  it('numbers the words of the training text alone', async () => {
    const path = await folderOf({ 'train.txt': texts.train, 'valid.txt': texts.valid, 'test.txt': texts.test });
    const corpus = await loadCorpus(path);
    // a 3, <eos> 2, b 2; x of the validation text is dropped.
    expect(corpus.vocabulary.words).toEqual(['a', '<eos>', 'b']);
    expect(corpus.train).toEqual(Int32Array.of(0, 0, 2, 1, 2, 0, 1));
    expect(corpus.valid).toEqual(Int32Array.of(2, 1));
    expect(corpus.test).toEqual(Int32Array.of(0, 1));
    expect(corpus.outside.valid).toEqual({ mapped: 0, dropped: 1 });
    expect(corpus).toMatchObject({ name: basename(path), source: path });
  });

  it('limits the vocabulary and maps the rest to <unk>', async () => {
    const path = await folderOf({ 'train.txt': texts.train, 'valid.txt': texts.valid, 'test.txt': texts.test });
    const corpus = await loadCorpus(path, { maxVocabulary: 2 });
    expect(corpus.vocabulary.words).toEqual(['<unk>', 'a']);
    expect(decode(corpus, corpus.valid)).toBe('<unk> <unk> <unk>');
    expect(corpus.outside).toEqual({
      train: { mapped: 4, dropped: 0 },
      valid: { mapped: 3, dropped: 0 },
      test: { mapped: 1, dropped: 0 },
    });
  });

  it.each([
    ['ptb.train.txt', 'ptb.valid.txt', 'ptb.test.txt'],
    ['wiki.train.tokens', 'wiki.valid.tokens', 'wiki.test.tokens'],
    ['train.txt', 'dev.txt', 'test.txt'],
    ['my_train.txt', 'my_validation.txt', 'my_TEST.TXT'],
  ])('knows %s, %s and %s', async (train, valid, test) => {
    const others = { 'README.md': 'about', 'contest.txt': 'no part', '.train.txt': 'hidden' };
    const path = await folderOf({ ...others, [train]: texts.train, [valid]: texts.valid, [test]: texts.test });
    expect((await loadCorpus(path)).train).toHaveLength(7);
  });

  it('lists the candidates when a part is not unique', async () => {
    const path = await folderOf({ 'train.txt': 'a', 'valid.txt': 'a', 'dev.txt': 'a', 'test.txt': 'a' });
    expect(await refusal(path)).toMatch(/more than one valid text: dev\.txt, valid\.txt; keep one/);
  });

  it('says what it looked for and what is there', async () => {
    const path = await folderOf({ 'train.txt': 'a', 'test.txt': 'a', 'notes.md': 'a' });
    expect(await refusal(path)).toMatch(
      /no valid text: looked for valid\.txt, validation\.txt, dev\.txt.*contains notes\.md, test\.txt, train\.txt$/,
    );
    expect(await refusal(await folderOf({}))).toMatch(/no train text.*the folder is empty/);
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`f${index}.md`, 'a']));
    expect(await refusal(await folderOf(many))).toMatch(/f0\.md, .* and 3 more$/);
  });

  it('refuses a part without a known word', async () => {
    const tokens = { train: ['a', 'b'], valid: ['z'], test: ['a'] };
    expect(() => makeCorpus('x', 'x', tokens)).toThrow(/none of the 1 tokens of the valid/);
    const path = await folderOf({ 'train.txt': texts.train, 'valid.txt': ' \n', 'test.txt': texts.test });
    expect(await refusal(path)).toMatch(/valid\.txt is empty/);
  });
});

describe('loadCorpus from one file', () => {
  const lines = (count: number) => Array.from({ length: count }, (_, index) => (index % 2 ? 'b' : 'a')).join('\n');

  it('splits the lines in order into 90, 5 and 5 %', async () => {
    const corpus = await loadCorpus(await fileOf(`${lines(47)}\n\n`));
    // ⌊42.3⌋ lines train, up to line ⌊44.65⌋ valid; two tokens a line.
    expect([corpus.train.length, corpus.valid.length, corpus.test.length]).toEqual([84, 4, 6]);
    expect(decode(corpus, corpus.valid)).toBe('a <eos> b <eos>');
    expect(decode(corpus, corpus.test)).toBe('a <eos> b <eos> a <eos>');
    expect(corpus.name).toBe('text.txt');
  });

  it('needs 20 lines', async () => {
    expect((await loadCorpus(await fileOf(lines(20)))).test).toHaveLength(2);
    expect(await refusal(await fileOf(lines(19)))).toMatch(/too short to split: it has 19 lines, .* at least 20/);
    expect(await refusal(await fileOf('one long line'))).toMatch(/it has 1 line, /);
  });

  it.each([
    ['', /text\.txt is empty/],
    [' \n\t\n', /text\.txt is empty/],
    [Uint8Array.of(97, 0, 98), /not a text file: it contains NUL bytes/],
    [Uint8Array.of(97, 0xff, 98), /not UTF-8 text/],
    ['<eos>\n'.repeat(30), /at least 2 different words.*only "<eos>"/],
  ])('refuses %j', async (content, message) => {
    expect(await refusal(await fileOf(content))).toMatch(message);
  });

  it('refuses a path that is not there', async () => {
    expect(await refusal(join(root, 'missing'))).toMatch(/missing does not exist: expected a text file, or a folder/);
    expect(await refusal(join(await fileOf('a'), 'below'))).toMatch(/does not exist/);
  });
});

describe('loadCorpus from other files', () => {
  const rows = Array.from({ length: 20 }, (_, i) => `row${i} a b`);

  it('unpacks what is gzipped, alone and in a folder', async () => {
    const zipped = await folderOf({ 'text.txt.gz': gzipSync(rows.join('\n')) });
    expect((await loadCorpus(join(zipped, 'text.txt.gz'))).train).toHaveLength(18 * 4);
    const parts = { 'train.txt.gz': gzipSync(texts.train), 'valid.txt': texts.valid, 'test.tokens.gz': gzipSync('a') };
    expect((await loadCorpus(await folderOf(parts))).train).toHaveLength(7);
    const broken = await folderOf({ 'text.txt.gz': 'a b c' });
    expect(await refusal(join(broken, 'text.txt.gz'))).toMatch(/text\.txt\.gz is no gzip file/);
  });

  it('takes the text files of a folder as chapters, in the order of their numbers', async () => {
    const chapter = (from: number, to: number) => `${rows.slice(from, to).join('\n')}\n`;
    const files = { 'ch10.txt': chapter(12, 20), 'ch2.txt': chapter(4, 12), 'ch1.txt': chapter(0, 4) };
    const corpus = await loadCorpus(await folderOf({ ...files, 'about.md': 'no chapter' }));
    expect(decode(corpus, corpus.train.subarray(0, 4))).toBe('row0 a b <eos>');
    expect(decode(corpus, corpus.train.subarray(-4))).toBe('row17 a b <eos>');
    expect(corpus.outside.test).toEqual({ mapped: 0, dropped: 1 });
  });

  it.each([
    ['t.csv', `id,text\n${rows.map((row, i) => `${i},"${row}"`).join('\n')}\n`, undefined],
    ['t.tsv', `id\tbody\n${rows.map((row, i) => `${i}\t${row}`).join('\n')}\n`, 'body'],
    ['t.csv', rows.map((row, i) => `${i},${row}`).join('\n'), '2'],
    ['t.jsonl', rows.map((row) => JSON.stringify({ text: row })).join('\n'), undefined],
  ])('takes the texts of a column: %s', async (name, content, column) => {
    const corpus = await loadCorpus(join(await folderOf({ [name]: content }), name), { column });
    expect(corpus.train).toHaveLength(18 * 4);
    expect(decode(corpus, corpus.valid)).toBe('a b <eos>');
  });

  it('names the columns where the one that is asked for is missing', async () => {
    const folder = await folderOf({ 't.csv': 'id,body\n1,a\n', 't.jsonl': '{"body": "a"}' });
    expect(await refusal(join(folder, 't.csv'))).toMatch(/no column 'text'.* for --text; it has id, body/);
    expect(await refusal(join(folder, 't.jsonl'))).toMatch(/line 1: the object has no column 'text'.*it has body/);
  });
});

describe('sha256 of a corpus', () => {
  const base = { train: ['a', 'b', 'a'], valid: ['a', 'b'], test: ['b'] };
  const digest = (tokens: Parameters<typeof makeCorpus>[2]) => makeCorpus('n', 's', tokens).sha256;

  it('depends on words and ids, not on name and source', () => {
    expect(makeCorpus('other', 'elsewhere', base).sha256).toBe(digest(base));
    expect(digest(base)).toMatch(/^[0-9a-f]{64}$/);
    const variants = [
      { ...base, train: ['a', 'a', 'b'] },
      { ...base, valid: ['a'], test: ['b', 'b'] },
      { ...base, test: ['a'] },
      { train: ['a', 'c', 'a'], valid: ['a', 'c'], test: ['c'] },
    ];
    expect(new Set([base, ...variants].map(digest)).size).toBe(5);
  });
});

const ptb = process.env.SLIMRNN_PTB;
describe.skipIf(ptb === undefined)('Penn Treebank in the folder SLIMRNN_PTB', () => {
  it('has the published counts', async () => {
    const corpus = await loadCorpus(ptb ?? '');
    expect([corpus.train.length, corpus.valid.length, corpus.test.length]).toEqual([929_589, 73_760, 82_430]);
    expect(corpus.vocabulary.words).toHaveLength(10_000);
    expect(corpus.vocabulary.words.slice(0, 3)).toEqual(['the', '<unk>', '<eos>']);
    for (const part of Object.values(corpus.outside)) expect(part).toEqual({ mapped: 0, dropped: 0 });
  });
});
