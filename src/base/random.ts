/**
 * A seeded stream of uniform numbers in [0, 1): xoshiro128**, its state filled by SplitMix32.
 * Used where a stream is natural (initial weights, random inputs); training noise is counter-based (`kernels`).
 */
export function randomStream(seed: number): RandomStream {
  let s = seed >>> 0;
  const next32 = () => {
    s = (s + 0x9e3779b9) >>> 0;
    let z = s;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  return streamFrom(next32(), next32(), next32(), next32());
}

/** The stream of an epoch, from 0: another one in each, the same for the same seed. */
export function epochStream(seed: number, epoch: number): RandomStream {
  return randomStream((Math.imul(seed, 0x9e3779b1) ^ epoch) >>> 0);
}

/** The next number of a stream with each call. */
export interface RandomStream {
  (): number;
  /** A stream of its own that goes on from here with the same numbers. */
  fork(): RandomStream;
}

function streamFrom(a: number, b: number, c: number, d: number): RandomStream {
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const next = () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result / 4294967296;
  };
  return Object.assign(next, { fork: () => streamFrom(a, b, c, d) });
}

/** A whole number from 0 to n − 1, each as likely, for n up to 2⁵³. */
export function randomBelow(n: number, random: () => number): number {
  // Two numbers of the stream make 53 bits; the first takes 2²¹ steps.
  return Math.floor(((Math.floor(random() * 2 ** 21) + random()) / 2 ** 21) * n);
}

/** A float32 array of uniform numbers in [−scale, scale). */
export function uniform(length: number, scale: number, random: () => number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = uniformValue(scale, random);
  return values;
}

/** A uniform number in [−scale, scale). */
export function uniformValue(scale: number, random: () => number): number {
  return (random() * 2 - 1) * scale;
}
