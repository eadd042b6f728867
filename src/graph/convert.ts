import { UsageError } from '../base/errors.ts';
import { isFloat } from './elementTypes.ts';
import { floatToHalf, halfToFloat } from './half.ts';
import { numbersOf } from './numbers.ts';
import { emptyData, KINDS } from './tensors.ts';
import type { ElementType, Tensor } from './types.ts';

/**
 * A tensor with another element type. Integers must keep their values; reals are rounded to the nearest that the type
 * has, but may not become infinite. Throws a UsageError that names `what` and the first value that does not fit.
 */
export function withType(tensor: Tensor, to: ElementType, what: string): Tensor {
  const { elementType, data: from } = tensor;
  if (elementType === to) return tensor;
  const values: ArrayLike<number | bigint> | undefined = numbersOf(tensor) ?? (Array.isArray(from) ? undefined : from);
  if (values === undefined || to === 'string' || to === 'bfloat16') {
    throw new UsageError(`${what} is ${elementType}, the model wants ${to}`);
  }
  const mayRound = isFloat(elementType) && isFloat(to);
  const data = emptyData(to, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const stored = nearest(value, to);
    if (stored !== undefined) data[i] = to === 'float16' ? floatToHalf(Number(stored)) : stored;
    // Compares a number with a bigint, too, and NaN counts as kept.
    const same = stored !== undefined && !(stored < value || stored > value);
    if (same || (mayRound && Number.isFinite(Number(stored)))) continue;
    throw new UsageError(
      `${what} has the value ${value} at position ${i}; the model wants ${to}, which has no such value`,
    );
  }
  return { ...tensor, elementType: to, data };
}

/** The value of this type that is nearest to a number; undefined where integers have none. */
function nearest(value: number | bigint, to: Exclude<ElementType, 'string'>): number | bigint | undefined {
  const number = Number(value);
  if (to === 'float64') return number;
  if (to === 'float32') return Math.fround(number);
  if (to === 'float16') return halfToFloat(floatToHalf(number));
  if (!Number.isInteger(number)) return undefined;
  if (to === 'int64') return BigInt.asIntN(64, BigInt(value));
  if (to === 'uint64') return BigInt.asUintN(64, BigInt(value));
  if (to === 'bool') return number === 0 || number === 1 ? number : undefined;
  return KINDS[to].of(number)[0];
}
