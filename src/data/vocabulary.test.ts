import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../base/errors.ts';
import { buildVocabulary, encode, UNKNOWN, wordsOfFile } from './vocabulary.ts';

const split = (text: string) => text.split(' ');
const word = fc.constantFrom('a', 'b', 'c', 'd', 'e', UNKNOWN);

describe('buildVocabulary', () => {
  it('orders by falling count, then by word', () => {
    const vocabulary = buildVocabulary(split('b c a c b d c'));
    expect(vocabulary.words).toEqual(['c', 'b', 'a', 'd']);
    expect([...vocabulary.ids]).toEqual([
      ['c', 0],
      ['b', 1],
      ['a', 2],
      ['d', 3],
    ]);
  });

  it('turns the rarest words into <unk>, placed by its own count', () => {
    // c 3, b 2, a 1, d 1: two words stay, and a and d make an <unk> of count 2, which precedes b of count 2.
    expect(buildVocabulary(split('b c a c b d c'), { maxSize: 3 }).words).toEqual(['c', UNKNOWN, 'b']);
    expect(buildVocabulary(split('b c a c b d c'), { maxSize: 4 }).words).toEqual(['c', 'b', 'a', 'd']);
  });

  it('adds to an <unk> that the text has already', () => {
    expect(buildVocabulary(split('a a a b b c <unk> d'), { maxSize: 3 }).words).toEqual([UNKNOWN, 'a', 'b']);
    expect(buildVocabulary(split('a a b <unk>'), { maxSize: 3 }).words).toEqual(['a', UNKNOWN, 'b']);
  });

  it('turns words below a count into <unk>', () => {
    expect(buildVocabulary(split('b c a c b d c'), { minCount: 2 }).words).toEqual(['c', UNKNOWN, 'b']);
    expect(buildVocabulary(split('b c a c b d c'), { minCount: 3 }).words).toEqual([UNKNOWN, 'c']);
    expect(buildVocabulary(split('a a b b'), { minCount: 2 }).words).toEqual(['a', 'b']);
    expect(buildVocabulary(split('a a b b <unk>'), { minCount: 2 }).words).toEqual(['a', 'b', UNKNOWN]);
  });

  it('has <unk> last where it must and no word is left out', () => {
    expect(buildVocabulary(split('a a b'), { withUnknown: true }).words).toEqual(['a', 'b', UNKNOWN]);
    expect(buildVocabulary(split('a a b'), { withUnknown: true, maxSize: 2 }).words).toEqual(['a', UNKNOWN]);
    expect(buildVocabulary(split('a a <unk> b'), { withUnknown: true }).words).toEqual(['a', UNKNOWN, 'b']);
  });

  it('refuses fewer than two words and a limit that cannot be meant', () => {
    expect(() => buildVocabulary([])).toThrow(UsageError);
    expect(() => buildVocabulary(split('a a a'))).toThrow(/at least 2 different words.*only "a"/);
    for (const maxSize of [1, 0, -3, 2.5, Number.NaN]) {
      expect(() => buildVocabulary(split('a b'), { maxSize })).toThrow(UsageError);
    }
  });
});

describe('encode', () => {
  it('drops unknown words without <unk> and maps them with it', () => {
    const closed = encode(split('b x a y b'), buildVocabulary(split('a a b')));
    expect(closed).toEqual({ ids: Int32Array.of(1, 0, 1), mapped: 0, dropped: 2 });
    const open = encode(split('b x a <unk> b'), buildVocabulary(split('a a a b b <unk>')));
    expect(open).toEqual({ ids: Int32Array.of(1, 2, 0, 2, 1), mapped: 1, dropped: 0 });
  });

  it('gives every training token its word or <unk>', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 8 }), fc.integer({ min: 2, max: 7 }), (tokens, maxSize) => {
        fc.pre(new Set(tokens).size >= 2);
        const vocabulary = buildVocabulary(tokens, { maxSize });
        const { ids, dropped } = encode(tokens, vocabulary);
        expect(vocabulary.words.length).toBeLessThanOrEqual(maxSize);
        expect(dropped).toBe(0);
        const decoded = [...ids].map((id) => vocabulary.words[id]);
        expect(decoded).toEqual(tokens.map((token) => (vocabulary.ids.has(token) ? token : UNKNOWN)));
        const counts = vocabulary.words.map((_, id) => ids.filter((other) => other === id).length);
        expect(counts).toEqual([...counts].sort((a, b) => b - a));
      }),
    );
  });
});

describe('the file of a vocabulary', () => {
  it.each([
    ['a line for each word', 'the\n<unk>\na\n', ['the', '<unk>', 'a']],
    ['line ends of Windows', 'the\r\n<unk>\r\na\r\n', ['the', '<unk>', 'a']],
    ['a carriage return that is a word', 'a\n\r\nb\n', ['a', '\r', 'b']],
    ['one word', 'a\n', ['a']],
  ])('has %s', (_, text, words) => {
    expect(wordsOfFile(text)).toEqual(words);
  });
});
