/** The bits of a float32 without its sign order as the magnitudes do, so magnitudes can be sorted into bins by them. */
const HALF = 0x10000;

/**
 * The magnitude that `count` of the values lie below: the (count + 1)-th smallest |value|, as `sort` would give it; Infinity
 * when count is not less than their number. Two passes and 256 kB, whatever the number of values.
 */
export function magnitudeBelow(values: Float32Array, count: number): number {
  if (count >= values.length) return Number.POSITIVE_INFINITY;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint32Array(HALF / 2);
  for (let i = 0; i < bits.length; i++) upper[(bits[i]! & 0x7fffffff) >>> 16]!++;
  const [high, before] = binOf(upper, count);
  const lower = new Uint32Array(HALF);
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    if (magnitude >>> 16 === high) lower[magnitude & 0xffff]!++;
  }
  const [low] = binOf(lower, count - before);
  return new Float32Array(Uint32Array.of(high * HALF + low).buffer)[0]!;
}

/** The bin that holds the value at place `count`, and how many values lie in the bins before it. */
function binOf(bins: Uint32Array, count: number): [bin: number, before: number] {
  let before = 0;
  let bin = 0;
  for (; before + bins[bin]! <= count; bin++) before += bins[bin]!;
  return [bin, before];
}
