import { accuracyOf, meanLoss, type Score, type Sums } from '../score.ts';
import { CONFUSION, CORRECT } from './lossGraph.ts';

/** Share of the examples that are taken for what they are. */
export const accuracy = accuracyOf(CORRECT);

/** Mean of the classes' F1 = 2 TP / (2 TP + FP + FN), 0 for a class that neither occurs nor is predicted. */
export const macroF1: Score = {
  name: 'macro-F1',
  better: 'higher',
  decimals: 4,
  of: (sums) => {
    const counts = confusionOf(sums);
    const total = counts.reduce((sum, row, k) => {
      const others = row.reduce((n, _, j) => (j === k ? n : n + row[j]! + counts[j]![k]!), 0);
      const right = 2 * row[k]!;
      return sum + (right === 0 ? 0 : right / (right + others));
    }, 0);
    return total / counts.length;
  },
};

/** What a classifier of texts is judged by. */
export const textScores: readonly Score[] = [accuracy, macroF1, meanLoss];

/** counts[i][j]: examples of class i that were taken for class j. */
export function confusionOf({ totals }: Sums): number[][] {
  const flat = Array.from(totals[CONFUSION]!, Math.round);
  const classes = Math.sqrt(flat.length);
  return Array.from({ length: classes }, (_, i) => flat.slice(i * classes, (i + 1) * classes));
}
