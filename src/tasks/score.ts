import { percent, rounded } from '../base/format.ts';

/*
 * What a task is judged by. The declaration of a score is plain data and goes into run directories, so that whoever
 * shows a run knows what its figures mean without knowing its task.
 */

/** How a score is called, read and shown. */
export interface ScoreKind {
  /** 'perplexity', 'accuracy', 'macro-F1', 'loss', … */
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /** Digits behind the point in tables. */
  readonly decimals: number;
  /** Set for a share of 1 that is shown in percent; `decimals` are then those of the percentage. */
  readonly isShare?: boolean | undefined;
}

/** What some batches add up to. */
export interface Sums {
  /** Items (tokens, examples, places) that count. */
  readonly count: number;
  /** Sums of the loss graph's outputs by name; `loss` is always there: that of all items together. */
  readonly totals: Readonly<Record<string, ArrayLike<number>>>;
}

/** A score that can be computed. */
export interface Score extends ScoreKind {
  of(sums: Sums): number;
}

/** Figures by the name of their score. */
export type ScoreValues = Readonly<Record<string, number>>;

/** All scores of the same sums. */
export function scoresOf(scores: readonly Score[], sums: Sums): ScoreValues {
  return Object.fromEntries(scores.map((score) => [score.name, score.of(sums)]));
}

/** The declarations alone, as files hold them. */
export function scoreKinds(scores: readonly ScoreKind[]): ScoreKind[] {
  return scores.map(({ name, better, decimals, isShare }) => ({ name, better, decimals, ...(isShare && { isShare }) }));
}

/** A score's value for people: 114.79, 87.3 %. */
export function formatScore({ decimals, isShare }: ScoreKind, value: number): string {
  const text = (isShare ? value * 100 : value).toFixed(decimals);
  // Rounding may leave a sign before nothing.
  const unsigned = Number(text) === 0 ? text.replace('-', '') : text;
  return isShare ? `${unsigned} %` : unsigned;
}

/** A change for people, as `changeOf` has it: 0.113 %, 0.2 points. */
export function formatChange({ isShare = false }: ScoreKind, change: number): string {
  return isShare ? `${rounded(100 * change)} points` : percent(change);
}

/** True when `a` is a better value than `b`. */
export function isBetter({ better }: ScoreKind, a: number, b: number): boolean {
  return better === 'lower' ? a < b : a > b;
}

/** By how much a value is more than another one: relative to that; of a share in points (0.01 is one point). */
export function changeOf({ isShare = false }: ScoreKind, before: number, after: number): number {
  return isShare || after === before ? after - before : (after - before) / Math.abs(before);
}

/** How much worse a change makes a score; negative where it is better. */
export function worseBy({ better }: ScoreKind, change: number): number {
  return better === 'lower' ? change : -change;
}

/** Share of the items that are right, whose number a loss graph gives at the output `correct`. */
export function accuracyOf(correct: string): Score {
  const of = ({ count, totals }: Sums) => totals[correct]![0]! / count;
  return { name: 'accuracy', better: 'higher', decimals: 2, isShare: true, of };
}

/** Mean loss of an item. */
export const meanLoss: Score = {
  name: 'loss',
  better: 'lower',
  decimals: 4,
  of: ({ count, totals }) => totals.loss![0]! / count,
};

/** e to the mean cross entropy of a token. */
export const perplexity: Score = {
  name: 'perplexity',
  better: 'lower',
  decimals: 2,
  of: ({ count, totals }) => Math.exp(totals.loss![0]! / count),
};
