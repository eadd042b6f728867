import { sha256Hex } from '../../base/digest.ts';

/** Hex digits of a rank: enough that different texts hardly ever have the same. */
const DIGITS = 16;

/** A number for a text, in hex, that looks random and depends on text and seed alone. */
export function splitRank(text: string, seed: number): string {
  return sha256Hex(`${seed}\n${text}`).slice(0, DIGITS);
}

/**
 * Which examples are held out for validation: of each class those with the lowest ranks, `share` of the class, rounded,
 * but at least one where the class has two. As ranks come from texts and seed, neither the order of the examples nor
 * those of another class matter, and equal texts of a class stay together (but for those at the boundary).
 */
export function heldOut(labels: readonly string[], ranks: readonly string[], share: number): Set<number> {
  const byLabel = new Map<string, number[]>();
  labels.forEach((label, i) => {
    const own = byLabel.get(label);
    if (own) own.push(i);
    else byLabel.set(label, [i]);
  });
  const held = new Set<number>();
  for (const own of byLabel.values()) {
    const count = Math.min(own.length - 1, Math.max(1, Math.round(share * own.length)));
    const ranked = own.sort((a, b) => (ranks[a]! < ranks[b]! ? -1 : ranks[a]! > ranks[b]! ? 1 : a - b));
    for (const i of ranked.slice(0, count)) held.add(i);
  }
  return held;
}
