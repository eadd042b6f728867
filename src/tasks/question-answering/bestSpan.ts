/** A part of a passage by its first and last word. */
export interface Span {
  readonly first: number;
  readonly last: number;
  /** Sum of the logits of both. */
  readonly logit: number;
}

/** The span that ends no earlier than it begins, with the largest sum of logits: in one pass over the words. */
export function bestSpan(start: ArrayLike<number>, end: ArrayLike<number>, length: number): Span {
  let best: Span = { first: 0, last: 0, logit: start[0]! + end[0]! };
  let from = 0;
  for (let i = 1; i < length; i++) {
    if (start[i]! > start[from]!) from = i;
    const logit = start[from]! + end[i]!;
    if (logit > best.logit) best = { first: from, last: i, logit };
  }
  return best;
}
