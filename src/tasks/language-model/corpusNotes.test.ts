import { expect, test } from 'vitest';
import { readSettings } from '../../config/readSettings.ts';
import { makeCorpus } from '../../data/makeCorpus.ts';
import { presets } from '../registry.ts';
import { corpusNotes } from './corpusNotes.ts';

const tokensOf = (text: string) => text.split(' ');
const corpusOf = (train: string, valid: string, maxVocabulary?: number) =>
  makeCorpus('x', 'x.txt', { train: tokensOf(train), valid: tokensOf(valid), test: ['a'] }, { maxVocabulary });

test('the share of unknown words is told for each part', () => {
  const notes = corpusNotes(corpusOf('a a a b c c d', 'a b z c', 3), 'words');
  expect(notes[0]).toBe('x.txt: 7 training, 4 validation and 1 test tokens, 3 words');
  // b and d share their place with all that is unknown.
  expect(notes[1]).toBe('<unk>, words outside the vocabulary: 28.6 % of train, 50.0 % of valid, 0.0 % of test');
});

test('tokens that are left out are told with their share', () => {
  expect(corpusNotes(corpusOf('a b a', 'a z z b'), 'words')[1]).toMatch(
    /^warning: 2 tokens \(50\.0 %\) of the valid text/,
  );
});

test('words that stick to marks are told where there are many, and only between white space', () => {
  const stuck = corpusOf('the end end. a sea sea, a', 'a');
  const note = /note: 2 words stick to marks, such as "end\."/;
  expect(corpusNotes(stuck, 'whitespace').at(-1)).toMatch(note);
  expect(corpusNotes(stuck, 'bpe').at(-1)).not.toMatch(note);
  expect(corpusNotes(corpusOf('U.S. Inc. the end , a .', 'a'), 'whitespace')).toHaveLength(1);
});

test('byte pairs and their file go together', () => {
  const settings = (fields: object) => () => readSettings('x', { ...fields }, presets['zaremba-small']);
  expect(settings({ tokens: 'bpe' })).toThrow(/--tokens bpe needs a tokenizer\.json: name it with --tokenizer/);
  expect(settings({ tokenizer: 'a.json' })).toThrow(/--tokenizer goes with --tokens bpe/);
  expect(settings({ tokens: 'bpe', tokenizer: 'a.json' })).not.toThrow();
});
