import { expect, test } from 'vitest';
import { EOS, tokenizeProse } from '../../../data/tokens.ts';
import { buildVocabulary, UNKNOWN } from '../../../data/vocabulary.ts';
import { FEWEST_TOKENS, readPrompt, splitProse, writeProse } from './prose.ts';

const text = "The country's debt is large. It was N dollars -- no more (or less). Congress can't say.";
const vocabulary = buildVocabulary([...tokenizeProse(text), UNKNOWN]);
const tokensOf = (ids: readonly number[]) => ids.map((id) => vocabulary.words[id]);

test('a prompt is read as the text of the model was, and unknown words are told', () => {
  const { ids, tokens, unknown } = readPrompt("The country's Debt in 1990", vocabulary);
  expect(tokens).toEqual(['the', 'country', "'s", 'debt', 'in', 'N']);
  expect(tokensOf(ids)).toEqual(['the', 'country', "'s", 'debt', UNKNOWN, UNKNOWN]);
  expect(unknown).toEqual(['in', 'N']);
});

test('only a finished sentence ends in <eos>', () => {
  expect(readPrompt('It is large.', vocabulary).tokens).toEqual(['it', 'is', 'large', '.', EOS]);
  expect(readPrompt('It is large', vocabulary).tokens).toEqual(['it', 'is', 'large']);
  expect(readPrompt('It is. It was', vocabulary).tokens).toEqual(['it', 'is', '.', EOS, 'it', 'was']);
  expect(readPrompt('  \n', vocabulary).tokens).toEqual([EOS]);
});

test('text that was tokenised beforehand is taken word for word', () => {
  const marked = buildVocabulary(['noun1a', 'verb-2', '<unk>', EOS]);
  const { tokens, unknown } = readPrompt('noun1a verb-2 Other', marked);
  expect([tokens, unknown]).toEqual([['noun1a', 'verb-2', 'Other'], ['Other']]);
});

test('without <unk> unknown words are left out, and something is always read', () => {
  const bare = buildVocabulary(['a', 'b']);
  expect(readPrompt('a z b', bare).ids).toEqual([bare.ids.get('a'), bare.ids.get('b')]);
  expect(readPrompt('z', bare).ids).toEqual([0]);
});

test('words are written as a person would', () => {
  const tokens = ['the', 'country', "'s", 'debt', ',', '(', 'or', 'not', ')', 'is', '.', EOS, EOS, 'it'];
  const pieces = writeProse(tokens);
  expect(pieces).toHaveLength(tokens.length);
  expect(pieces.map(({ space, word }) => space + word).join('')).toBe("the country's debt, (or not) is.\nit");
});

test('a text is split at sentences, nothing is lost, and too short a one is refused', () => {
  const long = Array.from({ length: 300 }, (_, i) => `Sentence ${'abcdefgh'[i % 8]} has some words in it.`).join(' ');
  const { train, valid, test: held } = splitProse(long);
  expect([...train, ...valid, ...held]).toEqual(tokenizeProse(long));
  expect([train.at(-1), valid.at(-1), held.at(-1)]).toEqual([EOS, EOS, EOS]);
  expect(train.length / (train.length + valid.length + held.length)).toBeCloseTo(0.9, 1);
  expect(() => splitProse('Too short.')).toThrow(`paste at least ${FEWEST_TOKENS}`);
  // One endless sentence has no good place, and is split all the same.
  expect(splitProse('word '.repeat(3000)).valid.length).toBeGreaterThan(100);
});

test('characters and byte pairs are read as the longest parts that the model knows, and written side by side', () => {
  const letters = buildVocabulary(['▁', 'a', 'b', EOS, '<unk>']);
  expect(readPrompt('ab a', letters).tokens).toEqual(['a', 'b', '▁', 'a']);
  const pairs = buildVocabulary(['Ġend', 'end', 's', 'Ġ', EOS]);
  expect(readPrompt('ends end', pairs).tokens).toEqual(['end', 's', 'Ġend']);
  const written = (tokens: string[]) => writeProse(tokens).map(({ space, word }) => space + word);
  expect(written(['end', 's', 'Ġend', EOS, '.']).join('')).toBe('ends end\n.');
  expect(written(['a', '▁', 'b', '.']).join('')).toBe('a b.');
});
