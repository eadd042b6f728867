import { sampleExactly } from '../../base/sample.ts';
import { magnitudeBelow } from '../magnitude.ts';
import type { LookedUpRows } from '../method.ts';

/** Where connections come up: at random, or where the loss's gradient is largest (RigL, Evci et al. 2020). */
export const growthRules = ['random', 'gradient'] as const;

/** The gradient of places, ascending; without `places` that of all places in order. */
export interface PlaceGradient {
  readonly places?: Uint32Array | undefined;
  readonly values: Float32Array;
}

/**
 * Places of `count` new connections among `size`, none of them in `taken` (both ascending): those of the largest |gradient|
 * where one is given, and drawn by lot for the rest; fewer where fewer are free.
 */
export function placesToGrow(
  count: number,
  size: number,
  taken: Uint32Array,
  random: () => number,
  gradient?: PlaceGradient,
): Uint32Array<ArrayBuffer> {
  const steepest = gradient === undefined ? new Uint32Array(0) : steepestPlaces(count, taken, gradient);
  const rest = count - steepest.length;
  if (rest <= 0) return steepest;
  const drawn = sampleExactly(rest, size, merged(taken, steepest), random);
  return merged(steepest, drawn);
}

/** Places of the largest gradients that are not zero and where nothing is yet. */
function steepestPlaces(
  count: number,
  taken: Uint32Array,
  { places, values }: PlaceGradient,
): Uint32Array<ArrayBuffer> {
  const free: number[] = [];
  let next = 0;
  for (let i = 0; i < values.length; i++) {
    const place = places?.[i] ?? i;
    while (next < taken.length && taken[next]! < place) next++;
    if (taken[next] !== place && values[i] !== 0) free.push(i);
  }
  const steepness = Float32Array.from(free, (i) => values[i]!);
  const limit = magnitudeBelow(steepness, Math.max(0, steepness.length - count));
  const above = free.filter((i) => Math.abs(values[i]!) > limit);
  const level = free.filter((i) => Math.abs(values[i]!) === limit).slice(0, count - above.length);
  return Uint32Array.from([...above, ...level], (i) => places?.[i] ?? i).sort();
}

function merged(a: Uint32Array, b: Uint32Array): Uint32Array<ArrayBuffer> {
  const all = new Uint32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all.sort();
}

/** The gradient of the rows of a table that a batch looked up, those of a word that occurs several times added up. */
export function tableGradient({ indices, gradient }: Omit<LookedUpRows, 'table'>, size: number): PlaceGradient {
  const words = [...new Set(indices)].sort((a, b) => a - b);
  const slots = new Map(words.map((word, slot) => [word, slot]));
  const values = new Float32Array(words.length * size);
  for (let i = 0; i < indices.length; i++) {
    const to = slots.get(indices[i]!)! * size;
    for (let k = 0; k < size; k++) values[to + k]! += gradient[i * size + k]!;
  }
  const places = Uint32Array.from(values, (_, i) => words[Math.floor(i / size)]! * size + (i % size));
  return { places, values };
}
