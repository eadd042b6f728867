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
  values: Numbers,
): Tensor | undefined {
  const data = emptyData(elementType, values.length);
  const store = writers[elementType];
  if (store === undefined) return undefined;
  for (let i = 0; i < values.length; i++) {
    const stored = store(values[i]!);
    if (stored === undefined) return undefined;
    data[i] = stored;
  }
  return { elementType, dims, data };
}

type Writer = (value: number) => number | bigint | undefined;

const real: Writer = (value) => value;
const integer: Writer = (value) => (Number.isSafeInteger(value) ? value : undefined);

const writers: Readonly<Partial<Record<ElementType, Writer>>> = {
  float32: real,
  float64: real,
  float16: (value) => floatToHalf(Math.fround(value)),
  bfloat16: (value) => floatToBrainHalf(Math.fround(value)),
  int8: integer,
  uint8: integer,
  int16: integer,
  uint16: integer,
  int32: integer,
  uint32: integer,
  int64: (value) => (Number.isSafeInteger(value) ? BigInt(value) : undefined),
  uint64: (value) => (Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined),
  bool: (value) => (value === 0 ? 0 : 1),
};
