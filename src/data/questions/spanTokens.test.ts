import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spanTokens, wordsIn } from './spanTokens.ts';

describe('words with their places', () => {
  it.each<[text: string, words: string[]]>([
    ["It doesn't matter, she's fine.", ['It', 'does', "n't", 'matter', ',', 'she', "'s", 'fine', '.']],
    ['the U.S. in the 1990s', ['the', 'U.S.', 'in', 'the', '1990s']],
    ['3,000.5 km—about $2–3', ['3,000.5', 'km', '—', 'about', '$', '2', '–', '3']],
    ['state-of-the-art (B2)', ['state', '-', 'of', '-', 'the', '-', 'art', '(', 'B2', ')']],
    ['“Venite… Ad Me”', ['“', 'Venite', '…', 'Ad', 'Me', '”']],
    ['naïve Ωμέγα 東京 cafe\u0301', ['naïve', 'Ωμέγα', '東京', 'cafe\u0301']],
    ["the boys' ball", ['the', 'boys', "'", 'ball']],
    [' \n ', []],
  ])('of %j', (text, words) => {
    expect(spanTokens(text).words).toEqual(words);
  });

  it('stand in the text where they say, in order, and leave nothing visible out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        const { words, starts, ends } = spanTokens(text);
        for (const [i, word] of words.entries()) expect(text.slice(starts[i], ends[i])).toBe(word);
        for (let i = 1; i < words.length; i++) expect(starts[i]!).toBeGreaterThanOrEqual(ends[i - 1]!);
        const visible = (part: string) => part.replace(/[\s\p{C}]/gu, '');
        expect(visible(words.join(''))).toBe(visible(text));
      }),
    );
  });
});

describe('the words that a part of a text touches', () => {
  const tokens = spanTokens('Ida sells old maps in Brae.');

  it('are found also where the part begins or ends inside of one', () => {
    expect(wordsIn(tokens, 10, 18)).toEqual([2, 3]);
    expect(wordsIn(tokens, 11, 15)).toEqual([2, 3]);
    expect(wordsIn(tokens, 0, 3)).toEqual([0, 0]);
  });

  it('are none between words', () => {
    expect(wordsIn(tokens, 3, 4)).toBeUndefined();
    expect(wordsIn(tokens, 90, 99)).toBeUndefined();
  });
});
