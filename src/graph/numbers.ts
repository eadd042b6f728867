import { halfToFloat } from './half.ts';
import type { Tensor, TensorData } from './types.ts';

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

/** All values that 16 bits stand for: looking them up is several times faster than taking the bits apart. */
let halves: Float32Array | undefined;
let brainHalves: Float32Array | undefined;

function decode(bits: Uint16Array, table: Float32Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}
