import { sha256Hex } from '../../base/digest.ts';
import type { WordVectors } from '../../data/wordVectors.ts';
import { floats } from '../../graph/attributes.ts';
import type { Tensor } from '../../graph/types.ts';
import type { Spelled } from './batches.ts';

/** Words of number 0 and 1: behind the end, and not known. */
const SPECIAL = ['<pad>', '<unk>'] as const;
const UNKNOWN = 1;

/** What words and characters a model knows, by their numbers. */
export interface Lexicon {
  /** In lower case. The first ones have trained vectors, all others stand in the table of vectors. */
  readonly words: readonly string[];
  /** Words with trained vectors. */
  readonly trainedWords: number;
  /** Characters from number 2 on: 0 is behind a word's end, 1 an unknown one. */
  readonly characters: readonly string[];
}

/** Bounds below which words and characters are unknown. */
interface Counts {
  readonly minCount: number;
  readonly minCharacterCount: number;
}

/**
 * The lexicon of texts: frequent words that have no vector, then all words that have one; by their counts, and equal ones
 * by their code units. `counts` are those of `spellings` in the training texts; words with a vector need not occur there.
 */
export function makeLexicon(
  spellings: readonly string[],
  counts: Float64Array,
  vectors: WordVectors | undefined,
  { minCount, minCharacterCount }: Counts,
): Lexicon {
  const words = new Map<string, number>();
  const characters = new Map<string, number>();
  for (const [i, spelling] of spellings.entries()) {
    const word = wordOf(spelling);
    words.set(word, (words.get(word) ?? 0) + counts[i]!);
    for (const c of spelling) characters.set(c, (characters.get(c) ?? 0) + counts[i]!);
  }
  const sorted = (counted: ReadonlyMap<string, number>, least: number) =>
    [...counted]
      .filter(([, count]) => count >= least)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([key]) => key);
  const frequent = sorted(words, minCount).filter((word) => !vectors?.vectors.has(word));
  const known = sorted(words, 0).filter((word) => vectors?.vectors.has(word));
  const trained = [...SPECIAL, ...frequent];
  return {
    words: [...trained, ...known],
    trainedWords: trained.length,
    characters: sorted(characters, minCharacterCount),
  };
}

/** The form in which words are known: in lower case, with plain marks. */
export function wordOf(spelling: string): string {
  return spelling.toLowerCase().replace(/[‘’]/g, "'").replace(/[“”]/g, '"').replace(/[–—]/g, '-');
}

/** The vectors of the words that are not trained [words, size]. */
export function vectorTable({ words, trainedWords }: Lexicon, vectors: WordVectors): Tensor | undefined {
  const known = words.slice(trainedWords);
  return known.length === 0 ? undefined : vectorRows(known, vectors);
}

/** The vectors of words that all have one [words, size]. */
export function vectorRows(words: readonly string[], { size, vectors }: WordVectors): Tensor {
  const data = new Float32Array(words.length * size);
  for (const [i, word] of words.entries()) data.set(vectors.get(word)!, i * size);
  return { ...floats([words.length, size], []), data };
}

/** Turns spellings into numbers. */
export interface Encoder {
  /** The number of words that are not known. */
  readonly unknown: number;
  word(spelling: string): number;
  /** Numbers of the first `length` characters, 0 behind the end. */
  characters(spelling: string, length: number): Int32Array;
}

/** An encoder of a lexicon. */
export function encoderOf(lexicon: Pick<Lexicon, 'words' | 'characters'>): Encoder {
  const words = new Map(lexicon.words.map((word, i) => [word, i]));
  const characters = new Map(lexicon.characters.map((c, i) => [c, i + 2]));
  return {
    unknown: UNKNOWN,
    word: (spelling) => words.get(wordOf(spelling)) ?? UNKNOWN,
    characters(spelling, length) {
      const numbers = new Int32Array(length);
      let i = 0;
      for (const c of spelling) {
        if (i === length) break;
        numbers[i++] = characters.get(c) ?? UNKNOWN;
      }
      return numbers;
    },
  };
}

/** Words and characters of all spellings by their numbers, with the vectors that are fed. */
export function spell(
  spellings: readonly string[],
  encoder: Encoder,
  wordLength: number,
  vectors?: Spelled['vectors'],
): Spelled {
  const characters = new Int32Array(spellings.length * wordLength);
  for (const [i, spelling] of spellings.entries()) {
    characters.set(encoder.characters(spelling, wordLength), i * wordLength);
  }
  const words = Int32Array.from(spellings, (spelling) => encoder.word(spelling));
  return { words, characters, wordLength, ...(vectors && { vectors }) };
}

/** Digest of the words, by which a model knows its vocabulary. */
export function wordsDigest(words: readonly string[]): string {
  return sha256Hex(words.join('\n'));
}
