/** A part of a passage by its first and last word. */
export interface Span {
  readonly first: number;
  readonly last: number;
  /** Sum of the logits of both. */
  readonly logit: number;
}

/** The span of at most so many words that ends no earlier than it begins, with the largest sum of logits. */
export function bestSpan(
  start: ArrayLike<number>,
  end: ArrayLike<number>,
  length: number,
  most = Number.POSITIVE_INFINITY,
): Span {
  let best: Span = { first: 0, last: 0, logit: start[0]! + end[0]! };
  // The largest logit of a start that reaches word i.
  let from = 0;
  for (let i = 1; i < length; i++) {
    if (i - from >= most) from = largest(start, from + 1, i);
    else if (start[i]! > start[from]!) from = i;
    const logit = start[from]! + end[i]!;
    if (logit > best.logit) best = { first: from, last: i, logit };
  }
  return best;
}

/** Place of the largest value from one place to another, both included; of equal ones the first. */
function largest(values: ArrayLike<number>, from: number, to: number): number {
  let at = from;
  for (let i = from + 1; i <= to; i++) if (values[i]! > values[at]!) at = i;
  return at;
}
