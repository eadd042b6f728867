import type { Value } from '../graph/builder.ts';
import { dropout, expand } from '../graph/ops.ts';

/**
 * The mask of a variational dropout (Gal and Ghahramani 2016), to be multiplied with all that shares it: ones of a shape
 * (int64 vector) behind a Dropout, 0 or 1/keep in training. `maskDropout` lets training feed it, `withoutDropout` takes
 * it and its products out.
 */
export function sharedMask(shape: Value, keep: number): Value {
  return dropout(expand(shape.builder.float(1), shape), 1 - keep);
}
