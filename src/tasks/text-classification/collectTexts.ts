import { UsageError } from '../../base/errors.ts';
import type { LabelledText } from '../../data/labelled/labelledText.ts';
import { tokenizeWords } from '../../data/tokens.ts';
import type { WordTable } from '../../data/wordTable.ts';
import type { TextFields } from './definition.ts';
import { splitRank } from './holdOut.ts';

/** The texts of a part as words by their numbers in a table, cut to their length. */
export interface CollectedTexts {
  readonly texts: readonly Int32Array[];
  readonly labels: readonly string[];
  /** What decides which texts are held out (`splitRank`). */
  readonly ranks: readonly string[];
  /** Where each label occurs first. */
  readonly places: ReadonlyMap<string, string>;
  /** How many texts were cut. */
  readonly cut: number;
}

/** The words of a text that stay, at most `maxLength` from its beginning or its end. */
export function cutWords<T>(words: readonly T[], { maxLength, cut }: Pick<TextFields, 'maxLength' | 'cut'>): T[] {
  return cut === 'head' ? words.slice(0, maxLength) : words.slice(-maxLength);
}

/**
 * Reads texts to words. Memory grows with 4 bytes for each word that stays and with the different words, not with the
 * texts. Throws a UsageError that says where, when texts have no word in them.
 */
export async function collectTexts(
  rows: AsyncIterable<LabelledText> | Iterable<LabelledText>,
  table: WordTable,
  options: Pick<TextFields, 'maxLength' | 'cut'> & { readonly seed: number },
): Promise<CollectedTexts> {
  const [texts, labels, ranks]: [Int32Array[], string[], string[]] = [[], [], []];
  const places = new Map<string, string>();
  const empty: string[] = [];
  let cut = 0;
  for await (const { text, label, place } of rows) {
    const words = tokenizeWords(text);
    if (words.length === 0) {
      empty.push(place);
      continue;
    }
    if (words.length > options.maxLength) cut++;
    texts.push(Int32Array.from(cutWords(words, options), (word) => table.numberOf(word)));
    if (!places.has(label)) places.set(label, place);
    labels.push(label);
    ranks.push(splitRank(text, options.seed));
  }
  if (empty.length === 1) throw new UsageError(`${empty[0]}: the text is empty; leave it out`);
  if (empty.length > 1) {
    throw new UsageError(`${empty.length} texts are empty, the first one is ${empty[0]}; leave them out`);
  }
  return { texts, labels, ranks, places, cut };
}
