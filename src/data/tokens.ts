/**
 * From text to word-level tokens: files that are tokenised already (Penn Treebank, WikiText), and raw prose.
 */

/** The token that ends a line or a sentence. */
export const EOS = '<eos>';

/**
 * Reads text in the style of the Penn Treebank files: tokens stand between white space, and every line, an empty one
 * too, ends in `<eos>`. A last line without a line break counts as a line.
 */
export function readTokens(text: string): string[] {
  const tokens: string[] = [];
  for (const line of linesOf(text)) {
    for (const token of line.split(/\s+/)) if (token !== '') tokens.push(token);
    tokens.push(EOS);
  }
  return tokens;
}

/** The lines of a text; white space behind the last line break is none. */
export function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1)?.trim() === '') lines.pop();
  return lines;
}

// A full stop after a single capital (U. S., John F. Kennedy) or one of these titles ends no sentence.
const TITLES = 'Mr|Mrs|Ms|Messrs|Dr|St|Hon|Gen|No';
const SENTENCE_BREAK = new RegExp(
  `(?<=[.!?]["')\\]]{0,3})(?<!(?<!\\p{L})(?:\\p{Lu}|${TITLES})\\.)\\s+(?=["'(\\[]{0,3}[\\p{Lu}\\p{Nd}])`,
  'u',
);
const PARAGRAPH_BREAK = /\n\s*\n/;

// In this order: abbreviation (u.s.), number with what hangs on it (3,000.5 or 1930s), word (twenty-five),
// what follows an apostrophe ('s), dash, and any other visible character by itself.
const TOKEN =
  /\p{L}(?:\.\p{L})+(?!\p{L})\.?|\p{Nd}+(?:[.,]\p{Nd}+)*[\p{L}\p{M}]*|[\p{L}\p{M}]+(?:-[\p{L}\p{M}]+)*|(?<=\p{L})'\p{L}+|--+|[^\s\p{C}]/gu;
const NUMBER = /^\p{Nd}/u;
const HTML_LINE_BREAK = /<br\s*\/?>/gi;

/**
 * Splits raw prose into tokens. Words become lower case, hyphenated words stay whole, `country's` becomes
 * `country` `'s`, anything that begins with a digit becomes `N`, and every punctuation mark is a token.
 * `<eos>` ends each sentence (`.`, `!` or `?` before a capital or a digit) and each paragraph (before an empty line);
 * a single line break is white space. Curly quotes and long dashes become `'`, `"` and `--`.
 */
export function tokenizeProse(text: string): string[] {
  const tokens: string[] = [];
  for (const paragraph of withPlainMarks(text).split(PARAGRAPH_BREAK)) {
    for (const sentence of paragraph.split(SENTENCE_BREAK)) {
      const words = sentence.toLowerCase().match(TOKEN);
      if (words === null) continue;
      for (const word of words) tokens.push(NUMBER.test(word) ? 'N' : word.startsWith('--') ? '--' : word);
      tokens.push(EOS);
    }
  }
  return tokens;
}

/**
 * Splits one text into its words, in lower case, and punctuation marks, as `tokenizeProse` does but without `<eos>` and
 * with numbers as they stand: for texts that are judged as a whole, where "4/10" tells more than "N/N". HTML's `<br>`
 * is white space.
 */
export function tokenizeWords(text: string): string[] {
  const plain = withPlainMarks(text.replace(HTML_LINE_BREAK, '\n'));
  return (plain.toLowerCase().match(TOKEN) ?? []).map((word) => (word.startsWith('--') ? '--' : word));
}

function withPlainMarks(text: string): string {
  return text.replace(/[‘’]/g, "'").replace(/[“”]/g, '"').replace(/[‐‑]/g, '-').replace(/[–—]/g, '--');
}
