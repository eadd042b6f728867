import { randomBelow } from './random.ts';

/**
 * Draws exactly `count` of the whole numbers below `size` that are not in `taken` (ascending), each set as likely, and
 * returns them ascending; all of them where there are fewer. Memory and time grow with `count` and `taken`, not with
 * `size` (Floyd's algorithm over the free numbers, which are then told apart in one walk).
 */
export function sampleExactly(
  count: number,
  size: number,
  taken: ArrayLike<number>,
  random: () => number,
): Float64Array<ArrayBuffer> {
  const free = size - taken.length;
  const wanted = Math.min(count, free);
  const chosen = new Set<number>();
  for (let last = free - wanted; last < free; last++) {
    const drawn = randomBelow(last + 1, random);
    chosen.add(chosen.has(drawn) ? last : drawn);
  }
  const ranks = Float64Array.from(chosen).sort();
  // The free number of rank r is r plus how many taken ones lie before it.
  let before = 0;
  for (let i = 0; i < ranks.length; i++) {
    while (before < taken.length && taken[before]! <= ranks[i]! + before) before++;
    ranks[i]! += before;
  }
  return ranks;
}
