import { randomBelow } from './random.ts';

/** Numbers of 32 bits without sign. */
type Numbers32 = Uint32Array<ArrayBuffer>;

/**
 * Draws exactly `count` of the whole numbers below `size` that are not in `taken` (ascending), each set as likely, and
 * returns them ascending; all of them where there are fewer. Memory and time grow with `count` and `taken`, not with
 * `size`, which is at most 2³².
 */
export function sampleExactly(count: number, size: number, taken: ArrayLike<number>, random: () => number): Numbers32 {
  const free = size - taken.length;
  const ranks = sampleRanks(Math.min(count, free), free, random);
  // The free number of rank r is r plus how many taken ones lie before it.
  let before = 0;
  for (let i = 0; i < ranks.length; i++) {
    while (before < taken.length && taken[before]! <= ranks[i]! + before) before++;
    ranks[i]! += before;
  }
  return ranks;
}

/** Exactly `count` of the numbers below `size`, ascending: of most of them, those are drawn that stay out. */
function sampleRanks(count: number, size: number, random: () => number): Numbers32 {
  if (2 * count > size) return others(drawDistinct(size - count, size, random), size);
  return drawDistinct(count, size, random);
}

/** Draws again as many as were drawn twice, until all differ: no number is likelier than another. */
function drawDistinct(count: number, size: number, random: () => number): Numbers32 {
  const numbers = new Uint32Array(count);
  for (let distinct = 0; distinct < count; ) {
    for (let i = distinct; i < count; i++) numbers[i] = randomBelow(size, random);
    numbers.sort();
    distinct = 0;
    for (let i = 0; i < count; i++) if (i === 0 || numbers[i] !== numbers[i - 1]) numbers[distinct++] = numbers[i]!;
  }
  return numbers;
}

/** The numbers below `size` that are not among these, which ascend. */
function others(numbers: Uint32Array, size: number): Numbers32 {
  const left = new Uint32Array(size - numbers.length);
  let [next, to] = [0, 0];
  for (let i = 0; i < size; i++) {
    if (numbers[next] === i) next++;
    else left[to++] = i;
  }
  return left;
}
