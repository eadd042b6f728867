import { describe, expect, it } from 'vitest';
import type { Sums } from '../score.ts';
import { CONFUSION, CORRECT } from './lossGraph.ts';
import { accuracy, confusionOf, macroF1 } from './scores.ts';

/** Sums of a confusion matrix by rows. */
function sumsOf(confusion: readonly (readonly number[])[]): Sums {
  const count = confusion.flat().reduce((a, b) => a + b, 0);
  const right = confusion.reduce((sum, row, k) => sum + row[k]!, 0);
  return { count, totals: { loss: [1], [CORRECT]: [right], [CONFUSION]: Float32Array.from(confusion.flat()) } };
}

describe('scores of classes', () => {
  it('gives accuracy and the mean F1 as scikit-learn does', () => {
    // f1_score([0,0,0,0,1,1,1,2,2,2], [0,0,0,1,1,1,0,2,2,1], average='macro'), also per class 0.75, 0.571…, 0.8
    const sums = sumsOf([
      [3, 1, 0],
      [1, 2, 0],
      [0, 1, 2],
    ]);
    expect(accuracy.of(sums)).toBeCloseTo(0.7, 12);
    expect(macroF1.of(sums)).toBeCloseTo((0.75 + 4 / 7 + 0.8) / 3, 12);
    expect(confusionOf(sums)).toEqual([
      [3, 1, 0],
      [1, 2, 0],
      [0, 1, 2],
    ]);
  });

  it('counts 0 for a class that is never right, and for one that does not occur', () => {
    expect(
      macroF1.of(
        sumsOf([
          [4, 0],
          [2, 0],
        ]),
      ),
    ).toBeCloseTo(0.4, 12);
    expect(
      macroF1.of(
        sumsOf([
          [5, 0],
          [0, 0],
        ]),
      ),
    ).toBeCloseTo(0.5, 12);
  });
});
