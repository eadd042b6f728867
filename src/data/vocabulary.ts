/**
 * Words and their ids. Id 0 is the most frequent word of the training text;
 * words of equal count are ordered by their UTF-16 code units, so that the ids depend on the text alone.
 */
import { sha256Hex } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';

/** The word that stands for every word outside the vocabulary. */
export const UNKNOWN = '<unk>';

/** A two-way table: `words[id]` is the word and `ids.get(word)` the id. */
export interface Vocabulary {
  readonly words: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

/** The words of a vocabulary.txt, a line each, also with line ends of Windows. */
export function wordsOfFile(text: string): string[] {
  const lines = text.trimEnd().split('\n');
  // A carriage return alone may be a word: that of a model of characters.
  const isOfWindows = lines.length > 1 && lines.slice(0, -1).every((line) => line.endsWith('\r'));
  return isOfWindows ? lines.map((line) => line.replace(/\r$/, '')) : lines;
}

/** Ids of a text, and what became of the tokens that the vocabulary does not know. */
export interface Encoded {
  readonly ids: Int32Array;
  /** Tokens outside the vocabulary that became `<unk>`; tokens that were `<unk>` already do not count. */
  readonly mapped: number;
  /** Tokens outside the vocabulary that were left out, because the vocabulary has no `<unk>`. */
  readonly dropped: number;
}

/** Which words to leave out of a vocabulary. */
export interface VocabularyOptions {
  /** Most words, `<unk>` included. Default: no limit. */
  readonly maxSize?: number | undefined;
  /** Words that occur less often become `<unk>`. Default: 1, all words stay. */
  readonly minCount?: number | undefined;
  /** Have `<unk>` among the words even where no word is left out, for texts that are yet to come. Default: false. */
  readonly withUnknown?: boolean | undefined;
}

/**
 * Counts the training tokens and numbers the words by (-count, word).
 * Words beyond `maxSize` or below `minCount` become `<unk>`, which then is one of the words.
 * Throws a UsageError when fewer than 2 words are left or `maxSize` is no integer of at least 2.
 */
export function buildVocabulary(tokens: Iterable<string>, options: VocabularyOptions = {}): Vocabulary {
  const { maxSize = Number.POSITIVE_INFINITY, minCount = 1, withUnknown = false } = options;
  if (maxSize < 2 || !(Number.isInteger(maxSize) || maxSize === Number.POSITIVE_INFINITY)) {
    throw new UsageError(`a vocabulary limit must be an integer of at least 2, got ${maxSize}`);
  }
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);

  let ranked: (readonly [string, number])[] = [...counts].sort(byCountThenWord);
  const known = ranked.filter(([word]) => word !== UNKNOWN);
  const frequent = known.filter(([, count]) => count >= minCount);
  const mustAdd = withUnknown && !counts.has(UNKNOWN);
  if (ranked.length > maxSize || frequent.length < known.length || mustAdd) {
    const kept = frequent.slice(0, maxSize - 1);
    const cut = known.slice(kept.length).reduce((sum, [, count]) => sum + count, 0);
    ranked = [...kept, [UNKNOWN, (counts.get(UNKNOWN) ?? 0) + cut] as const].sort(byCountThenWord);
  }
  if (ranked.length < 2) {
    const found = ranked.length === 0 ? 'no word at all' : `only ${JSON.stringify(ranked[0]![0])}`;
    const rare = minCount > 1 ? ` that occurs ${minCount} times or more` : '';
    throw new UsageError(`a vocabulary needs at least 2 different words, but the training text has ${found}${rare}`);
  }
  return vocabularyOf(ranked.map(([word]) => word));
}

/**
 * Replaces tokens by ids. A word outside the vocabulary becomes `<unk>` where the vocabulary has it and is left out
 * otherwise, as the Penn Treebank reader of the TensorFlow tutorial does.
 */
export function encode(tokens: readonly string[], vocabulary: Vocabulary): Encoded {
  const unknown = vocabulary.ids.get(UNKNOWN);
  const ids = new Int32Array(tokens.length);
  let length = 0;
  let outside = 0;
  for (const token of tokens) {
    const known = vocabulary.ids.get(token);
    if (known === undefined) outside++;
    const id = known ?? unknown;
    if (id !== undefined) ids[length++] = id;
  }
  const dropped = tokens.length - length;
  return { ids: dropped === 0 ? ids : ids.slice(0, length), mapped: outside - dropped, dropped };
}

/** Identifies the words of a vocabulary and their order. */
export function vocabularyDigest(vocabulary: Vocabulary): string {
  return sha256Hex(vocabulary.words.join('\n'));
}

/** The vocabulary of these words, numbered in their order. */
export function vocabularyOf(words: readonly string[]): Vocabulary {
  return { words, ids: new Map(words.map((word, id) => [word, id])) };
}

function byCountThenWord(a: readonly [string, number], b: readonly [string, number]): number {
  return b[1] - a[1] || (a[0] < b[0] ? -1 : 1);
}
