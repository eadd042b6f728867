import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EOS, readTokens, tokenizeProse, tokenizeWords } from './tokens.ts';

describe('readTokens', () => {
  it('ends each line in <eos>, the last one with or without a line break', () => {
    expect(readTokens(' a b \n c\n')).toEqual(['a', 'b', EOS, 'c', EOS]);
    expect(readTokens('a b\nc')).toEqual(['a', 'b', EOS, 'c', EOS]);
  });

  it('counts empty lines, and takes tabs and carriage returns for white space', () => {
    expect(readTokens('a\r\n\r\n\tb  c\r\n')).toEqual(['a', EOS, EOS, 'b', 'c', EOS]);
    expect(readTokens('')).toEqual([]);
  });

  it('has one <eos> a line and keeps the words in order', () => {
    const line = fc.array(fc.constantFrom('a', 'bb', "c's", '<unk>'));
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.map((words) => `${words.join(' ')}\n`).join('');
        expect(readTokens(text)).toEqual(lines.flatMap((words) => [...words, EOS]));
      }),
    );
  });
});

describe('tokenizeProse', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['We met. They left!', 'we met . <eos> they left ! <eos>'],
    ["The country's $3,000.50, in the 1930s.", "the country 's $ N , in the N . <eos>"],
    [
      'Mr. John F. Kennedy of the U.S. Navy; U. S. ships',
      'mr . john f . kennedy of the u.s. navy ; u . s . ships <eos>',
    ],
    ['He said: “Go.” Then twenty-five went—home.', 'he said : " go . " <eos> then twenty-five went -- home . <eos>'],
    ['It cost 5. 6 left.', 'it cost N . <eos> N left . <eos>'],
    ['It was so. and so on', 'it was so . and so on <eos>'],
    ['A title\n\nOne line\nwraps.\n \r\nEnd', 'a title <eos> one line wraps . <eos> end <eos>'],
    ['Can’t 1861-62 ÉTÉ', "can 't N - N été <eos>"],
    [' \n\n ', ''],
  ];
  it.each(cases)('%j', (text, tokens) => {
    expect(tokenizeProse(text).join(' ')).toBe(tokens);
  });

  it('gives tokens without white space, in sentences that are not empty', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const tokens = tokenizeProse(text);
        for (const token of tokens) expect(token).toMatch(/^\S+$/);
        if (tokens.length > 0) expect(tokens.at(-1)).toBe(EOS);
        tokens.forEach((token, index) => {
          if (token === EOS) expect(tokens[index - 1] ?? EOS).not.toBe(EOS);
        });
      }),
    );
  });
});

describe('tokenizeWords', () => {
  it.each([
    ["It's GREAT!! 4/10<br /><br/>Don't", "it 's great ! ! 4 / 10 don 't"],
    ['“Well-made” — no? U.S.A. ------ <unk>', '" well-made " -- no ? u.s.a. -- < unk >'],
    [' \n\t', ''],
  ])('%j', (text, tokens) => {
    expect(tokenizeWords(text).join(' ')).toBe(tokens);
  });
});
