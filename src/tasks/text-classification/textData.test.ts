import { describe, expect, it } from 'vitest';
import { UsageError } from '../../base/errors.ts';
import type { LabelledText } from '../../data/labelled/labelledText.ts';
import { WordTable } from '../../data/wordTable.ts';
import { collectTexts, cutWords } from './collectTexts.ts';
import { defaults } from './definition.ts';
import { makeTextData, type TextData, type TextSet } from './textData.ts';

const fields = { ...defaults, minCount: 1, vocabulary: 100, seed: 1 };

/** Rows of 'label: text' as a file gives them. */
const rows = (lines: readonly string[], file = 'a.csv'): LabelledText[] =>
  lines.map((line, i) => {
    const [label = '', text = ''] = line.split(': ');
    return { label, text, place: `${file}, line ${i + 2}` };
  });

async function dataOf(
  train: readonly string[],
  others: { readonly valid?: readonly string[]; readonly test?: readonly string[] } = {},
  options: Partial<typeof fields> & { readonly testShare?: number } = {},
): Promise<TextData> {
  const all = { ...fields, ...options };
  const table = new WordTable();
  const { valid, test } = others;
  const collect = (lines: readonly string[], file: string) => collectTexts(rows(lines, file), table, all);
  const parts = {
    train: await collect(train, 'train.csv'),
    ...(valid && { valid: await collect(valid, 'valid.csv') }),
    ...(test && { test: await collect(test, 'test.csv') }),
  };
  return makeTextData('train.csv', parts, table, all);
}

const inWords = ({ vocabulary, classes }: TextData, set: TextSet) =>
  set.texts.map((text, i) => `${classes[set.classes[i]!]}: ${[...text].map((w) => vocabulary.words[w]).join(' ')}`);

const train = ['pos: good good film', 'neg: bad film', 'pos: good', 'neg: bad bad'];

describe('makeTextData', () => {
  it('has the words and classes of the training texts', async () => {
    const data = await dataOf(train, { valid: ['neg: Bad new film!'], test: ['pos: good'] });
    expect(data.classes).toEqual(['neg', 'pos']);
    expect(data.vocabulary.words).toEqual(['bad', 'good', 'film', '<unk>']);
    expect(inWords(data, data.sets.train)).toEqual(train);
    expect(inWords(data, data.sets.valid)).toEqual(['neg: bad <unk> film <unk>']);
    expect(inWords(data, data.sets.test!)).toEqual(['pos: good']);
  });

  it('holds training texts out where there are none for validation, and learns no word of them', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'pos' : 'neg'}: ${String.fromCharCode(97 + i)} same`);
    const data = await dataOf(lines, {}, { validShare: 0.2 });
    expect([data.sets.train.texts.length, data.sets.valid.texts.length]).toEqual([16, 4]);
    expect([...data.sets.valid.classes].sort()).toEqual([0, 0, 1, 1]);
    expect(inWords(data, data.sets.valid).every((line) => line.endsWith(': <unk> same'))).toBe(true);
    expect(data.notes).toEqual(['4 of 20 training texts are held out for validation']);
  });

  it('sets test texts apart where a share of them is asked for, then holds others out', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'pos' : 'neg'}: ${String.fromCharCode(97 + i)} same`);
    const data = await dataOf(lines, {}, { testShare: 0.2, validShare: 0.25 });
    const { train: learned, valid, test } = data.sets;
    expect([learned.texts.length, valid.texts.length, test?.texts.length]).toEqual([12, 4, 4]);
    expect(inWords(data, test!).every((line) => line.endsWith(': <unk> same'))).toBe(true);
    expect(data.notes[0]).toBe('4 of 20 texts are set apart as test texts');
    const other = await dataOf(lines, {}, { testShare: 0.2, validShare: 0.25, seed: 2 });
    expect(other.sha256).not.toBe(data.sha256);
    const apart = await dataOf(lines, { test: ['pos: a'] }, { testShare: 0.2 });
    expect(apart.sets.test?.texts.length).toBe(1);
  });

  it('orders classes that are numbers by value', async () => {
    const { classes } = await dataOf(['10: a', '9: b', '-1: c', '9: d', '10: e', '-1: f']);
    expect(classes).toEqual(['-1', '9', '10']);
  });

  it('cuts texts to their beginning or end, and says how many', async () => {
    const lines = ['pos: a b c d', 'neg: e f g', 'pos: h', 'neg: i'];
    const head = await dataOf(lines, { valid: ['pos: a b c'] }, { maxLength: 2, cut: 'head' });
    expect(inWords(head, head.sets.train)).toEqual(['pos: a b', 'neg: e f', 'pos: h', 'neg: i']);
    expect(head.notes).toEqual(['50 % of the training texts are cut to their first 2 words']);
    const tail = await dataOf(lines, { valid: ['pos: d'] }, { maxLength: 2, cut: 'tail' });
    expect(inWords(tail, tail.sets.train)).toEqual(['pos: c d', 'neg: f g', 'pos: h', 'neg: i']);
  });

  it('identifies the data by what the model sees', async () => {
    const valid = ['pos: good'];
    const digests = await Promise.all([
      dataOf(train, { valid }),
      dataOf(train, { valid }, { cut: 'head' }),
      dataOf(train, { valid }, { maxLength: 2 }),
      dataOf([...train].reverse(), { valid }),
      dataOf(train, { valid: ['neg: good'] }),
      dataOf(train, { valid, test: ['pos: good'] }),
    ]);
    const [first, same, ...others] = digests.map((data) => data.sha256);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(same).toBe(first);
    expect(new Set([first, ...others]).size).toBe(5);
  });

  it.each([
    [['pos: a', 'pos: b'], {}, "train.csv: all 2 texts have the label 'pos'; a classifier needs two classes or more"],
    [['pos: a', 'neg: b'], {}, '2 texts are too few to hold some out for validation'],
    [
      train,
      { valid: ['pos: a', 'nog: b'] },
      "valid.csv, line 3: no training text has the label 'nog' (did you mean 'neg'?), which 1 text has here; the training texts have neg, pos",
    ],
    [train, { valid: ['pos: a'], test: ['x: b', 'x: c'] }, "no training text has the label 'x', which 2 texts have"],
    [[...train, 'pos: '], {}, 'train.csv, line 6: the text is empty; leave it out'],
    [['pos:  \u0000', ...train, 'pos: '], {}, '2 texts are empty, the first one is train.csv, line 2; leave them out'],
    [
      Array.from({ length: 1001 }, (_, i) => `${i}: x`),
      {},
      '1001 texts have 1001 different labels; is --label the column of the classes?',
    ],
  ])('refuses %#', async (lines, others, message) => {
    const error: unknown = await dataOf(lines, others).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
  });
});

it('cuts words from the end that it should', () => {
  expect(cutWords([1, 2, 3], { maxLength: 2, cut: 'head' })).toEqual([1, 2]);
  expect(cutWords([1, 2, 3], { maxLength: 2, cut: 'tail' })).toEqual([2, 3]);
  expect(cutWords([1], { maxLength: 2, cut: 'tail' })).toEqual([1]);
});
