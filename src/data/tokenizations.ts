import { EOS, readTokens, tokenizeProse } from './tokens.ts';

/** Cuts a text into tokens without white space; `<eos>` ends each line, or each sentence. */
export type Tokenizer = (text: string) => string[];

/** What a token has in the place of a blank, where blanks are part of tokens. */
export const BLANK = '▁';

/** Each character is a token, a blank as `▁`; `<eos>` ends each line. */
export function readCharacters(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.flatMap((line) => [...Array.from(line.trimEnd(), (c) => (/\s/.test(c) ? BLANK : c)), EOS]);
}

/** Ways to cut a text that need nothing but the text. */
export const tokenizers = {
  whitespace: readTokens,
  words: tokenizeProse,
  characters: readCharacters,
} as const satisfies Readonly<Record<string, Tokenizer>>;

/** Names of all ways to cut a text; `bpe` goes by a file (`loadTokenizer`). */
export const tokenizationNames = ['whitespace', 'words', 'characters', 'bpe'] as const;

/** Name of a way to cut a text. */
export type TokenizationName = (typeof tokenizationNames)[number];
