import { UsageError } from '../../../base/errors.ts';
import type { Part } from '../../../data/parts.ts';
import { EOS, tokenizeProse } from '../../../data/tokens.ts';

/** Fewest words that a training makes sense with. */
export const FEWEST_TOKENS = 2000;

/**
 * Splits prose into sentences and those in order into 90 % for training, 5 % for validation and 5 % for the test, as a
 * file of text is split on the command line. Throws UsageError for a text that is too short.
 */
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
