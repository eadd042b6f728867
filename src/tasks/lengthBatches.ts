import { inOrder, shuffled } from './arrays/batches.ts';
import type { BatchOrder } from './task.ts';

/** Keeps the order of batches from following that of examples. */
const BATCH_SEED = 0x2545f491;

/** Padded lengths are multiples of this, but for the longest. */
const STEP = 8;

/**
 * At most `most` lengths to pad to, from short to long, so that about equally many of the training examples fall to each;
 * the last one is that of the longest example in any set.
 */
export function paddedLengths(train: readonly number[], others: readonly number[], most: number): number[] {
  const lengths = [...train].sort((a, b) => a - b);
  const longest = [...lengths, ...others].reduce((a, b) => Math.max(a, b), 1);
  const found = new Set<number>([longest]);
  for (let i = 1; i < most; i++) {
    const quantile = lengths[Math.ceil((i * lengths.length) / most) - 1] ?? longest;
    found.add(Math.min(longest, Math.ceil(quantile / STEP) * STEP));
  }
  return [...found].sort((a, b) => a - b);
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
