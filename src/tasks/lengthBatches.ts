import { inOrder, shuffled } from './arrays/batches.ts';
import type { BatchOrder } from './task.ts';

/** Keeps the order of batches from following that of examples. */
const BATCH_SEED = 0x2545f491;

/** Padded lengths are multiples of this, but for the longest. */
const STEP = 8;

/**
 * At most `most` lengths to pad the training examples to, from short to long: those with which their padded lengths add up
 * to least. Where another set has a longer example, its length follows, which no training step is compiled for. Time: most
 * times the square of the longest length over 8.
 */
export function paddedLengths(train: readonly number[], others: readonly number[], most: number): number[] {
  const longestOf = (lengths: readonly number[]) => lengths.reduce((a, b) => Math.max(a, b), 1);
  const longest = longestOf(train);
  const own = cheapestLengths(train, longest, most);
  const longestOther = longestOf(others);
  return longestOther > longest ? [...own, longestOther] : own;
}

/** A choice of lengths, the last one first, and what all examples up to the last one cost when they are padded to them. */
interface Choice {
  readonly cost: number;
  readonly lengths: readonly number[];
}

/** By dynamic programming over how many lengths there are, and which of the possible ones is the last. */
function cheapestLengths(lengths: readonly number[], longest: number, most: number): number[] {
  const possible = Array.from({ length: Math.ceil(longest / STEP) }, (_, i) => Math.min(longest, (i + 1) * STEP));
  const upTo = new Array<number>(possible.length).fill(0);
  for (const length of lengths) upTo[Math.max(0, Math.ceil(length / STEP) - 1)]! += 1;
  for (let i = 1; i < upTo.length; i++) upTo[i]! += upTo[i - 1]!;
  let best = possible.map((length, i): Choice => ({ cost: upTo[i]! * length, lengths: [length] }));
  for (let count = 1; count < most; count++) {
    best = best.map((fewer, i) =>
      best.slice(0, i).reduce((found, before, j) => {
        const cost = before.cost + (upTo[i]! - upTo[j]!) * possible[i]!;
        return cost < found.cost ? { cost, lengths: [possible[i]!, ...before.lengths] } : found;
      }, fewer),
    );
  }
  return [...best.at(-1)!.lengths].reverse();
}

/**
 * The numbers of the examples in each batch of a rank's epoch. Examples are shuffled, then brought into the order of
 * the lengths that they are padded to and cut into batches, so that a batch holds examples of similar length and only one
 * batch is not full; then the batches are shuffled. Of as many neighbouring batches as there are ranks each rank gets
 * one, maybe an empty one. With `isShuffled` false neither order is shuffled.
 *
 * `slots[i]` is the place of example i's length among the padded lengths, from short to long; `batch` counts examples.
 */
export function lengthBatches(
  slots: ArrayLike<number>,
  batch: number,
  { epoch, seed, rank, ranks }: BatchOrder,
  isShuffled: boolean,
): number[][] {
  const order = (count: number, own: number) => [...(isShuffled ? shuffled(count, own, epoch) : inOrder(count))];
  const sorted = order(slots.length, seed).sort((a, b) => slots[a]! - slots[b]!);
  const steps = Math.ceil(slots.length / (batch * ranks));
  return order(steps, seed ^ BATCH_SEED).map((step) => {
    const start = (step * ranks + rank) * batch;
    return sorted.slice(start, start + batch);
  });
}
