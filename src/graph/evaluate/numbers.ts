import { floatToBrainHalf, floatToHalf } from '../half.ts';
import { type Numbers, numbersOf } from '../numbers.ts';
import { emptyData } from '../tensors.ts';
import type { ElementType, Tensor } from '../types.ts';

/*
 * Values of tensors as JavaScript's numbers, which hold every element type exactly but for integers beyond 2^53.
 */

/** The elements of a tensor; undefined for texts and where an integer is not safe. */
export function exactNumbers(tensor: Tensor): Numbers | undefined {
  const { data } = tensor;
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return numbersOf(tensor);
  const values = Float64Array.from(data, Number);
  return values.every(Number.isSafeInteger) ? values : undefined;
}

/**
 * A tensor of these values. Reals are rounded to the nearest that the type has, half precision by way of float32, as
 * the runtime does it; integers wrap around. Undefined where an integer is not safe, or does not fit into 64 bits.
 */
export function tensorOfNumbers(
  elementType: ElementType,
  dims: readonly number[],
  values: ArrayLike<number>,
): Tensor | undefined {
  if (elementType === 'string') return undefined;
  const data = emptyData(elementType, values.length);
  for (let i = 0; i < values.length; i++) {
    const value = stored(values[i]!, elementType);
    if (value === undefined) return undefined;
    data[i] = value;
  }
  return { elementType, dims, data };
}

/** What a type stores a number as. */
function stored(value: number, elementType: ElementType): number | bigint | undefined {
  if (elementType === 'float32' || elementType === 'float64') return value;
  if (elementType === 'float16') return floatToHalf(Math.fround(value));
  if (elementType === 'bfloat16') return floatToBrainHalf(Math.fround(value));
  if (elementType === 'bool') return value === 0 ? 0 : 1;
  if (!Number.isSafeInteger(value)) return undefined;
  if (elementType === 'uint64' && value < 0) return undefined;
  return elementType === 'int64' || elementType === 'uint64' ? BigInt(value) : value;
}
