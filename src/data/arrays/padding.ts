import type { Tensor } from '../../graph/types.ts';

/*
 * Which arrays a reader has padded itself, because their examples differ in length. Kept beside the arrays, which are
 * plain data that callers pick from and pass on.
 */
const lengths = new WeakMap<Tensor, Tensor>();

/** Remembers the lengths (int64 [N]) that the examples of an array [N, longest, …] had before it was padded. */
export function markPadded(array: Tensor, lengthsBefore: Tensor): void {
  lengths.set(array, lengthsBefore);
}

/** The lengths (int64 [N]) of the examples of an array that its reader padded; undefined for any other. */
export function lengthsBeforePadding(array: Tensor): Tensor | undefined {
  return lengths.get(array);
}
