import { floatToBrainHalf, floatToHalf, halfToFloat } from './half.ts';
import { SparseTensor } from './sparseTensor.ts';
import { emptyData } from './tensors.ts';
import type { ElementType, Tensor, TensorData } from './types.ts';

/** Numbers as they are, whatever type stores them. */
export type Numbers = Exclude<TensorData, string[] | BigInt64Array | BigUint64Array>;

/** Values of a tensor as numbers; float16 and bfloat16 are decoded. Undefined for 64-bit integers and strings. */
export function numbersOf({ elementType, data }: Tensor): Numbers | undefined {
  if (Array.isArray(data) || data instanceof BigInt64Array || data instanceof BigUint64Array) return undefined;
  if (data instanceof Uint16Array && elementType === 'float16') {
    halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToFloat(bits));
    return decode(data, halves);
  }
  if (data instanceof Uint16Array && elementType === 'bfloat16') {
    brainHalves ??= new Float32Array(Uint32Array.from({ length: 65_536 }, (_, bits) => bits << 16).buffer);
    return decode(data, brainHalves);
  }
  return data;
}

/** As `numbersOf`; of a sparse tensor the values that are stored. */
export function numbersStored(tensor: Tensor): Numbers | undefined {
  if (!(tensor instanceof SparseTensor)) return numbersOf(tensor);
  const { elementType, values, count } = tensor;
  return numbersOf({ elementType, dims: [count], data: values });
}

/** All values that 16 bits stand for: looking them up is several times faster than taking the bits apart. */
let halves: Float32Array | undefined;
let brainHalves: Float32Array | undefined;

function decode(bits: Uint16Array, table: Float32Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}

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
