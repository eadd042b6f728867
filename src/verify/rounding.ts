import { storedTensors } from '../graph/stored.ts';
import type { Model } from '../graph/types.ts';

/** Largest relative difference (`Difference`) that counts as rounding of float32. */
export const ROUNDING = 1e-5;
/** The same for models that compute in 16 bits: about ten roundings of a significand of 11 and of 8 bits. */
const HALF_ROUNDING = 5e-3;
const BRAIN_HALF_ROUNDING = 4e-2;

/** The relative difference that rounding explains in a model, by the least precise type of its weights and borders. */
export function roundingOf({ graph }: Model): number {
  const types = new Set([...graph.inputs, ...graph.outputs].map((v) => v.type.elementType));
  for (const tensor of storedTensors(graph).values()) if (tensor.data.length > 1) types.add(tensor.elementType);
  if (types.has('bfloat16')) return BRAIN_HALF_ROUNDING;
  return types.has('float16') ? HALF_ROUNDING : ROUNDING;
}

/** How many times the noise of nudged weights another order of summation may make: it has other partial sums. */
const NOISE_FACTOR = 8;
/** No noise of float32 explains a larger relative difference. */
const LARGEST_NOISE = 0.1;

/** An output, and how far it is off relative to its size. */
export type Far = readonly [output: string, apart: number];

/**
 * The output that is furthest off among those that differ by more than rounding explains: by more than `usual`, and by
 * more than rounding does to this model, which is measured where it matters. `noise` is what was measured.
 */
export async function beyondRounding(
  worst: ReadonlyMap<string, number>,
  usual: number,
  measure: false | (() => Promise<ReadonlyMap<string, number>>),
): Promise<{ far?: Far | undefined; noise?: number | undefined }> {
  const far = [...worst].filter(([, apart]) => !(apart <= usual));
  const furthest = (list: readonly Far[]) =>
    list.length === 0 ? undefined : list.reduce((a, b) => (b[1] <= a[1] ? a : b));
  if (!measure || far.length === 0 || far.some(([, apart]) => !(apart < LARGEST_NOISE))) return { far: furthest(far) };
  const noise = await measure();
  const left = far.filter(([name, apart]) => apart > NOISE_FACTOR * (noise.get(name) ?? 0));
  return { far: furthest(left), noise: Math.max(...far.map(([name]) => noise.get(name) ?? 0)) };
}
