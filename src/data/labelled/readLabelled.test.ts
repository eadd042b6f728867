import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { collected, folderMaker } from '../../../test/support/textFolder.ts';
import { UsageError } from '../../base/errors.ts';
import type { LabelledText, TextColumns } from './labelledText.ts';
import { readLabelled } from './readLabelled.ts';

const folderOf = folderMaker();

async function read(name: string, content: string | Uint8Array, columns: TextColumns): Promise<LabelledText[]> {
  const path = join(await folderOf({ [name]: content }), name);
  const texts = await collected(readLabelled({ path, isFolder: false }, columns));
  return texts.map((text) => ({ ...text, place: text.place.slice(text.place.lastIndexOf('/') + 1) }));
}

const columns = { text: 'text', label: 'stars' };
const summary = (texts: readonly LabelledText[]) => texts.map(({ text, label, place }) => [text, label, place]);

describe('tables', () => {
  it('reads quoted fields with commas, quotes and line breaks, and knows the line of each row', async () => {
    const csv = 'id,stars,text\r\n1,5,"Good, ""very"" good"\r\n\r\n2, 1 ,"two\nlines"\r\n3,3,plain 5" disk\n';
    expect(summary(await read('a.csv', csv, columns))).toEqual([
      ['Good, "very" good', '5', 'a.csv, line 2'],
      ['two\nlines', '1', 'a.csv, line 4'],
      ['plain 5" disk', '3', 'a.csv, line 6'],
    ]);
  });

  it('takes semicolons where the first line has no comma, and a byte order mark', async () => {
    expect(summary(await read('a.csv', '\ufeffstars;text\n1;a, b', columns))).toEqual([['a, b', '1', 'a.csv, line 2']]);
  });

  it('reads TSV without a line of names by number, quotes being characters', async () => {
    const texts = await read('a.tsv', '"so bad\t0\ngood "\t1\n', { text: '1', label: '2' });
    expect(summary(texts)).toEqual([
      ['"so bad', '0', 'a.tsv, line 1'],
      ['good "', '1', 'a.tsv, line 2'],
    ]);
  });

  it('unpacks what gzip made', async () => {
    const texts = await read('a.csv.gz', gzipSync('text,stars\nok,1\n'), columns);
    expect(summary(texts)).toEqual([['ok', '1', 'a.csv.gz, line 2']]);
  });

  it('holds a few rows at a time', async () => {
    const path = join(await folderOf({ 'a.csv': `text,stars\n${'x,1\n'.repeat(200_000)}` }), 'a.csv');
    for await (const { place } of readLabelled({ path, isFolder: false }, columns)) {
      expect(place).toContain('line 2');
      break;
    }
  });

  it.each([
    ['a.csv', 'body,stars\n', "has no column 'text' for --text; it has body, stars; without a line of names"],
    ['a.csv', 'text,star\n', "has no column 'stars' (did you mean 'star'?) for --label; it has text, star"],
    ['a.csv', 'text,stars,text\n', "it has two columns 'text'"],
    ['a.csv', 'text,stars\na,1\nb\n', 'the row that ends in line 3 has 1 columns, the first one has 2'],
    ['a.csv', 'text,stars\na,1\nb,2,3\n', 'the row that ends in line 3 has 3 columns, the first one has 2'],
    ['a.csv', 'text,stars\na,1\n"b,2\nc,3\n', 'the row that begins after line 2 has a quote that is not closed'],
    ['a.csv', 'text,stars\na,\n', 'line 2: the label is empty'],
    ['a.csv', 'text,stars\na,"x\ny"\n', 'line 2: the label has a line break: "x\\ny"'],
    ['a.csv', '', 'it has no rows'],
    ['a.csv.gz', 'text,stars\n', 'it is not gzip, or damaged'],
    ['a.csv.gz', gzipSync('text,stars\n'.repeat(99)).subarray(0, 20), 'it is not gzip, or damaged'],
    ['a.csv', Buffer.concat([Buffer.from('text,stars\nok,1\nna'), Buffer.of(0xef, 0x76)]), 'line 3 is not UTF-8 text'],
    ['a.txt', 'text', 'expected a name that ends in .csv, .tsv, .jsonl, .ndjson (also with .gz), or a folder'],
  ])('refuses %s %j', async (name, content, message) => {
    const error: unknown = await read(name, content, columns).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
  });

  it('refuses a number of a column that is not there', async () => {
    await expect(read('a.tsv', 'x\t1\n', { text: '1', label: '3' })).rejects.toThrow(
      'no column 3 for --label: its first row has 2',
    );
  });
});

describe('JSON lines', () => {
  it('reads fields of any kind as labels', async () => {
    const lines = '{"text": "a", "stars": 1}\n\n{"stars": true, "text": ""}\n{"text": "c", "stars": "x"}';
    expect(summary(await read('a.jsonl', lines, columns))).toEqual([
      ['a', '1', 'a.jsonl, line 1'],
      ['', 'true', 'a.jsonl, line 3'],
      ['c', 'x', 'a.jsonl, line 4'],
    ]);
  });

  it.each([
    ['{"text": "a"', 'line 1: it is not JSON'],
    ['[1]', 'line 1: it is not an object'],
    ['{"texts": "a", "stars": 1}', "line 1: the object has no column 'text' (did you mean 'texts'?) for --text"],
    ['{"text": "a", "stars": null}', "line 1: field 'stars' is no text or number"],
    ['', 'it has no lines'],
  ])('refuses %j', async (content, message) => {
    await expect(read('a.jsonl', content, columns)).rejects.toThrow(message);
  });
});

describe('folders', () => {
  it('reads a text from each file, its class being the folder, without what aclImdb leaves unlabelled', async () => {
    const path = await folderOf({
      'pos/2.txt': 'good',
      'pos/1.txt.gz': gzipSync('fine'),
      'neg/1.txt': 'bad',
      'unsup/1.txt': '?',
      '.hidden/1.txt': '?',
      'labels.txt': 'no class',
    });
    const texts = await collected(readLabelled({ path, isFolder: true }, columns));
    expect(summary(texts)).toEqual([
      ['bad', 'neg', join(path, 'neg', '1.txt')],
      ['fine', 'pos', join(path, 'pos', '1.txt.gz')],
      ['good', 'pos', join(path, 'pos', '2.txt')],
    ]);
  });

  it('names a file that is not UTF-8, and a class without files', async () => {
    const broken = await folderOf({ 'pos/1.txt': Buffer.of(0xff), 'neg/1.txt': 'bad' });
    const texts = collected(readLabelled({ path: broken, isFolder: true }, columns));
    await expect(texts).rejects.toThrow(/pos.1\.txt: it is not UTF-8 text/);
    const empty = await folderOf({ 'pos/sub/1.txt': 'good' });
    await expect(collected(readLabelled({ path: empty, isFolder: true }, columns))).rejects.toThrow('has no files');
  });
});
