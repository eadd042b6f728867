import { UsageError } from '../../base/errors.ts';
import { isFloat } from '../../graph/elementTypes.ts';
import { numbersOf } from '../../graph/numbers.ts';
import type { Tensor } from '../../graph/types.ts';

/**
 * Throws UsageError for NaN and infinity among inputs; `what` names the array. Minus infinity may mean something: a mask
 * that is added before a softmax.
 */
export function requireNumbers(array: Tensor, what: string): void {
  const values = isFloat(array.elementType) ? (numbersOf(array) ?? []) : [];
  const at = values.findIndex((value) => Number.isNaN(value) || value === Number.POSITIVE_INFINITY);
  if (at < 0) return;
  throw new UsageError(`${what} has the value ${values[at]} at position ${at}; inputs must be finite numbers`);
}
