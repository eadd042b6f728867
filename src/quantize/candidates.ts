import { sizeOf } from '../graph/dims.ts';
import type { Tensor } from '../graph/types.ts';

/** Fewer elements are not worth the nodes and names that they would take. */
export const SMALLEST = 256;

/** True for a float32 matrix, or a stack of them, that is large enough to be stored in another way. */
export function isLargeMatrix({ elementType, dims }: Tensor): boolean {
  return elementType === 'float32' && dims.length >= 2 && sizeOf(dims) >= SMALLEST;
}
