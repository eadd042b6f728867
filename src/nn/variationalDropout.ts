import type { Value } from '../graph/builder.ts';
import { concat, dropout, expand, gatherElements, mul, shapeOf, slice, unsqueeze } from '../graph/ops.ts';

/*
 * Variational dropout (Gal and Ghahramani 2016): one mask serves all steps of a window.
 */

/**
 * The mask of a variational dropout, to be multiplied with all that shares it: ones of a shape (int64 vector) behind a
 * Dropout, 0 or 1/keep in training. `maskDropout` lets training feed it, `withoutDropout` takes it and its products out.
 */
export function sharedMask(shape: Value, keep: number): Value {
  return dropout(expand(shape.builder.float(1), shape), 1 - keep);
}

/** x [T, B, w] times a mask [B, w] for all steps. */
export function dropShared(x: Value, keep: number): Value {
  return keep < 1 ? mul(x, sharedMask(slice(shapeOf(x), [1], [3], [0]), keep)) : x;
}

/** Looked-up words x [T, B, w] times a mask of the words [V, B]: equal words of a sequence stay or go together. */
export function dropWords(x: Value, tokens: Value, vocabulary: number, keep: number): Value {
  if (keep === 1) return x;
  const shape = concat([x.builder.ints([vocabulary]), slice(shapeOf(tokens), [1], [2], [0])], 0);
  return mul(x, unsqueeze(gatherElements(sharedMask(shape, keep), tokens, 0), [2]));
}
