/** A text cut into words, each with the place where it stands. */
export interface SpanTokens {
  readonly words: readonly string[];
  /** Index of the first code unit of each word, and of the one behind its last. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

// In this order: a word before n't, n't itself, what follows an apostrophe ('s), abbreviation (U.S.), number, word, dots,
// and any other visible character by itself. Hyphens and dashes part words: an answer may begin behind one.
const WORD =
  /[\p{L}\p{M}]+(?=n['’]t(?![\p{L}\p{M}]))|n['’]t(?![\p{L}\p{M}])|(?<=[\p{L}\p{N}])['’](?:s|re|ve|ll|d|m)(?![\p{L}\p{M}])|\p{L}(?:\.\p{L})+\.?|\p{N}+(?:[.,]\p{N}+)*[\p{L}\p{M}]*|[\p{L}\p{M}][\p{L}\p{M}\p{N}]*|\.{2,}|[^\s\p{C}]/giu;

/** Cuts a text into words and marks for question answering, in the spelling of the text. */
export function spanTokens(text: string): SpanTokens {
  const found = [...text.matchAll(WORD)];
  return {
    words: found.map(([word]) => word),
    starts: Int32Array.from(found, (match) => match.index),
    ends: Int32Array.from(found, (match) => match.index + match[0].length),
  };
}

/** The first and the last word that a part of the text touches; undefined where it touches none. */
export function wordsIn(
  tokens: SpanTokens,
  from: number,
  to: number,
): readonly [first: number, last: number] | undefined {
  const first = tokens.ends.findIndex((end) => end > from);
  const last = tokens.starts.findLastIndex((start) => start < to);
  return first < 0 || last < first ? undefined : [first, last];
}
