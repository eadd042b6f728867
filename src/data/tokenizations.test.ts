import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tokenizers } from './tokenizations.ts';
import { loadTokenizer } from './tokenizerFile.ts';

const text = 'The end.\n\nIt ended, 3 times.\n';

describe('a text is cut', () => {
  it('between white space', () => {
    expect(tokenizers.whitespace(text).join(' ')).toBe('The end. <eos> <eos> It ended, 3 times. <eos>');
  });

  it('into words and marks', () => {
    expect(tokenizers.words(text).join(' ')).toBe('the end . <eos> it ended , N times . <eos>');
  });

  it('into characters, of which blanks are marks', () => {
    expect(tokenizers.characters('Ab c \n\n𝔸\td').join(' ')).toBe('A b ▁ c <eos> <eos> 𝔸 ▁ d <eos>');
    expect(tokenizers.characters('')).toEqual([]);
  });
});

/** Byte pairs with two merges, as the library `tokenizers` of Python saves them. */
const bytePairs = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    ...{ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null },
    ...{ fuse_unk: false, byte_fallback: false, ignore_merges: false },
    vocab: { e: 0, n: 1, d: 2, s: 3, Ġ: 4, en: 5, end: 6 },
    merges: [
      ['e', 'n'],
      ['en', 'd'],
    ],
  },
};

describe('a tokenizer.json', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const saved = async (name: string, content: string) => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it('cuts each line into its pieces', async () => {
    const tokenize = await loadTokenizer(await saved('pairs.json', JSON.stringify(bytePairs)));
    expect(tokenize('end ends\n\nsend\n').join(' ')).toBe('end Ġ end s <eos> <eos> s end <eos>');
  });

  it.each([
    ['no.json', '{', /is no tokenizer\.json of Hugging Face/],
    ['other.json', '{"a": 1}', /is no tokenizer\.json of Hugging Face/],
    ['empty.json', '', /is empty/],
  ])('%s is refused', async (name, content, message) => {
    await expect(loadTokenizer(await saved(name, content))).rejects.toThrow(message);
  });
});
