import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderMaker } from '../../../test/support/textFolder.ts';
import { findLabelled } from './findLabelled.ts';

const folderOf = folderMaker();

describe('findLabelled', () => {
  it('takes a file for the training texts', async () => {
    const path = join(await folderOf({ 'a.csv': '' }), 'a.csv');
    expect(await findLabelled(path)).toEqual({ train: { path, isFolder: false } });
  });

  it.each([
    [['train.csv', 'dev.csv', 'test.csv'], { train: 'train.csv', valid: 'dev.csv', test: 'test.csv' }],
    [['a-train.jsonl.gz', 'a-val.jsonl.gz', 'other.csv'], { train: 'a-train.jsonl.gz', valid: 'a-val.jsonl.gz' }],
    [['train/pos/1.txt', 'test/pos/1.txt', 'README'], { train: 'train', test: 'test' }],
    [['pos/1.txt', 'neg/1.txt', 'README'], { train: '' }],
    // Archives made on a Mac have hidden files beside the others.
    [['train.csv', '._train.csv'], { train: 'train.csv' }],
  ])('finds the parts in %j', async (files, parts) => {
    const folder = await folderOf(Object.fromEntries(files.map((name) => [name, ''])));
    const found = await findLabelled(folder);
    const paths = Object.fromEntries(Object.entries(found).map(([part, { path }]) => [part, path]));
    const expected = Object.entries(parts).map(([part, name]) => [part, name === '' ? folder : join(folder, name)]);
    expect(paths).toEqual(Object.fromEntries(expected));
  });

  it.each([
    [['train.csv', 'train.jsonl'], 'more than one train part: train.csv, train.jsonl'],
    [['test.csv', 'pos/1.txt'], 'no training texts'],
    [['a.txt'], 'no training texts: expected a file such as train.csv (or .tsv, .jsonl, .ndjson), a folder train'],
  ])('refuses %j', async (files, message) => {
    const folder = await folderOf(Object.fromEntries(files.map((name) => [name, ''])));
    await expect(findLabelled(folder)).rejects.toThrow(message);
  });

  it('says what is expected where nothing is', async () => {
    await expect(findLabelled('/nowhere')).rejects.toThrow(
      '/nowhere does not exist: expected a file of labelled texts, or a folder with them',
    );
  });
});
