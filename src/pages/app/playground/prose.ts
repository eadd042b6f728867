import { UsageError } from '../../../base/errors.ts';
import type { Part } from '../../../data/parts.ts';
import { BLANK } from '../../../data/tokenizations.ts';
import { EOS, readTokens, tokenizeProse } from '../../../data/tokens.ts';
import { UNKNOWN, type Vocabulary } from '../../../data/vocabulary.ts';

/** What tokens that are parts of words have in the place of a blank: the second one stands in byte pairs. */
const BLANKS = [BLANK, 'Ġ'];
const startsWord = (token: string) => BLANKS.some((blank) => token.startsWith(blank));

/**
 * Reads typed text as the words that a model was trained on: as prose, or word for word between white space where the
 * model knows more of that (its text was tokenised beforehand). Unknown words become `<unk>`, or are left out where the
 * vocabulary has none. A prompt that does not end a sentence has no `<eos>`; an empty one is the beginning of a sentence.
 */
export function readPrompt(
  text: string,
  vocabulary: Vocabulary,
): { ids: number[]; tokens: string[]; unknown: string[] } {
  const isKnown = (token: string) => token === EOS || vocabulary.ids.has(token);
  const unknownIn = (tokens: readonly string[]) => tokens.filter((token) => !isKnown(token));
  const blank = blankOf(vocabulary);
  const [prose, plain] = [tokenizeProse(text), readTokens(text.trim())];
  const words = unknownIn(plain).length < unknownIn(prose).length ? plain : prose;
  const tokens = blank === undefined ? words : piecesOf(text, vocabulary, blank);
  const isOpen = blank !== undefined || !/[.!?]["')\]]*\s*$/.test(text);
  if (isOpen && tokens.at(-1) === EOS) tokens.pop();
  if (tokens.length === 0) tokens.push(EOS);
  const ids = tokens.flatMap((token) => vocabulary.ids.get(token) ?? vocabulary.ids.get(UNKNOWN) ?? []);
  return { ids: ids.length > 0 ? ids : [0], tokens, unknown: [...new Set(unknownIn(tokens))] };
}

/** Which of `BLANKS` a vocabulary has; undefined where its tokens are words. */
function blankOf({ words, ids }: Vocabulary): string | undefined {
  if (ids.has(BLANK)) return BLANK;
  return BLANKS.find((blank) => words.some((word) => word.length > 1 && word.startsWith(blank)));
}

/** A text as the longest parts that a vocabulary has, from left to right; what it lacks stands by itself. */
function piecesOf(text: string, { ids, words }: Vocabulary, blank: string): string[] {
  const longest = words.reduce((length, word) => Math.max(length, word.length), 1);
  return text.split('\n').flatMap((line) => {
    const marked = line.trim().replace(/\s/g, blank);
    const pieces: string[] = [];
    for (let at = 0; at < marked.length; ) {
      let length = Math.min(longest, marked.length - at);
      while (length > 1 && !ids.has(marked.slice(at, at + length))) length--;
      pieces.push(marked.slice(at, at + length));
      at += length;
    }
    return [...pieces, EOS];
  });
}

const NO_SPACE_BEFORE = /^(?:[.,;:!?)\]%]|'\p{L}+|n't)$/u;
const NO_SPACE_AFTER = /^[([$]$/;

/**
 * Tokens as a person would write them, each with the white space before it: punctuation closes up, `<eos>` ends a line. Parts
 * of words, which have blanks of their own, stand side by side.
 */
export function writeProse(tokens: readonly string[]): { space: string; word: string }[] {
  const arePieces = tokens.some(startsWord);
  return tokens.map((token, i) => {
    const last = tokens[i - 1] ?? EOS;
    if (token === EOS) return { space: last === EOS ? '' : '\n', word: '' };
    if (arePieces) return startsWord(token) ? { space: ' ', word: token.slice(1) } : { space: '', word: token };
    const closesUp = last === EOS || NO_SPACE_BEFORE.test(token) || NO_SPACE_AFTER.test(last);
    return { space: closesUp ? '' : ' ', word: token };
  });
}

export const FEWEST_TOKENS = 2000;

/** Sentences: 90 % for training, 5 % for validation, 5 % for the test. Throws UsageError for too short a text. */
export function splitProse(text: string): Record<Part, string[]> {
  const tokens = tokenizeProse(text);
  if (tokens.length < FEWEST_TOKENS) {
    throw new UsageError(
      `the text has ${tokens.length} words and punctuation marks; paste at least ${FEWEST_TOKENS}, some pages of prose`,
    );
  }
  const trainEnd = sentenceEnd(tokens, Math.floor(tokens.length * 0.9));
  const validEnd = sentenceEnd(tokens, Math.floor(tokens.length * 0.95));
  return { train: tokens.slice(0, trainEnd), valid: tokens.slice(trainEnd, validEnd), test: tokens.slice(validEnd) };
}

/** The end of the last sentence before a place; the place itself where that would leave too little. */
function sentenceEnd(tokens: readonly string[], place: number): number {
  const end = tokens.lastIndexOf(EOS, place - 1) + 1;
  return end > place - tokens.length * 0.02 ? end : place;
}
