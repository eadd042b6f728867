import type { Numbers } from '../../../graph/numbers.ts';

/** An id but `banned` from softmax(logits / temperature), the largest at 0; `random` gives numbers in [0, 1). */
export function sample(logits: Numbers, temperature: number, banned: number | undefined, random: () => number): number {
  let best = -1;
  for (let id = 0; id < logits.length; id++) {
    if (id !== banned && (best < 0 || logits[id]! > logits[best]!)) best = id;
  }
  if (temperature <= 0) return best;
  const most = Number(logits[best]!);
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    if (id === banned) continue;
    weights[id] = Math.exp((Number(logits[id]!) - most) / temperature);
    total += weights[id]!;
  }
  let left = random() * total;
  for (let id = 0; id < weights.length; id++) {
    left -= weights[id]!;
    if (left < 0 && weights[id]! > 0) return id;
  }
  return best;
}
