import { magnitudeBelow } from '../magnitude.ts';

/** Which connections go: SET's two sides, the smallest of all, or none, so that the topology stays as it began. */
export const removalRules = ['set', 'magnitude', 'static'] as const;

/** One of `removalRules`. */
export type RemovalRule = (typeof removalRules)[number];

/**
 * Says which connections go, with a 1 for each that does. By `set` (Mocanu et al. 2018) it is the share ζ of the positive
 * weights nearest zero and the share ζ of the negative weights nearest zero, rounded down, and every weight that is zero;
 * by `magnitude` the share ζ of all that are smallest. Of equal weights the first ones go.
 */
export function connectionsToRemove(rule: RemovalRule, weights: Float32Array, share: number): Uint8Array<ArrayBuffer> {
  const gone = new Uint8Array(weights.length);
  if (rule === 'static') return gone;
  if (rule === 'magnitude') markNearest(gone, weights, () => true, share);
  else {
    markNearest(gone, weights, (w) => w > 0, share);
    markNearest(gone, weights, (w) => w < 0, share);
    for (let i = 0; i < weights.length; i++) if (weights[i] === 0) gone[i] = 1;
  }
  return gone;
}

/** Marks the share of the weights on one side that lies nearest to zero. */
function markNearest(gone: Uint8Array, weights: Float32Array, isMeant: (w: number) => boolean, share: number): void {
  const side = sideOf(weights, isMeant);
  const count = Math.floor(share * side.length);
  if (count === 0) return;
  const limit = magnitudeBelow(side, count);
  let left = count;
  for (let i = 0; i < weights.length; i++) {
    const w = weights[i]!;
    if (!isMeant(w) || !(Math.abs(w) < limit)) continue;
    gone[i] = 1;
    left--;
  }
  for (let i = 0; left > 0 && i < weights.length; i++) {
    if (!isMeant(weights[i]!) || Math.abs(weights[i]!) !== limit) continue;
    gone[i] = 1;
    left--;
  }
}

/** The weights of one side; `filter` would take many times their memory. */
function sideOf(weights: Float32Array, isMeant: (w: number) => boolean): Float32Array {
  const side = new Float32Array(weights.length);
  let count = 0;
  for (let i = 0; i < weights.length; i++) if (isMeant(weights[i]!)) side[count++] = weights[i]!;
  return side.subarray(0, count);
}
