import { distance } from 'fastest-levenshtein';

/** ` (did you mean 'x'?)` when one of the known names is close to what was typed, else nothing. */
export function didYouMean(typed: string, known: readonly string[]): string {
  const ranked = known.map((name) => ({ name, d: distance(typed, name) })).sort((a, b) => a.d - b.d);
  const best = ranked[0];
  return best && best.d <= Math.max(2, Math.ceil(typed.length / 3)) ? ` (did you mean '${best.name}'?)` : '';
}
