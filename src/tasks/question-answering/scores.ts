import { meanLoss, type Score } from '../score.ts';

/** Sums of the judged answers. */
export const EXACT = 'exact';
export const OVERLAP = 'f1';

const share = (name: string, sum: string): Score => ({
  name,
  better: 'higher',
  decimals: 2,
  isShare: true,
  of: ({ count, totals }) => totals[sum]![0]! / count,
});

/** What a model that answers questions is judged by, as SQuAD's script does: F1 of the words, and exact matches. */
export const questionScores: readonly Score[] = [share('F1', OVERLAP), share('EM', EXACT), meanLoss];
