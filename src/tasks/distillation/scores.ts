import { meanLoss, type Score, type Sums } from '../score.ts';
import { type OutputSum, sumName } from './lossGraph.ts';
import type { OutputAxes } from './outputAxes.ts';

/** In decibels; float32 knows no more, and a student that computes the same would have infinitely many. */
const LARGEST_SNR = 150;

/**
 * How near a student is to its teacher, each the mean over outputs: the share of equal decisions where outputs decide
 * something, and the squared error as a share of the answers' power, also in decibels.
 */
export function scoresFor(outputs: readonly OutputAxes[]): Score[] {
  const all = [...outputs.keys()];
  const deciding = all.filter((i) => outputs[i]!.kind !== 'values');
  const errorOf = (sums: Sums) => mean(all, (i) => total(sums, 'error', i) / (total(sums, 'power', i) || sums.count));
  const agreement: Score = {
    ...{ name: 'agreement', better: 'higher', decimals: 2, isShare: true },
    of: (sums) => mean(deciding, (i) => total(sums, 'agreeing', i) / total(sums, 'decisions', i)),
  };
  const near: Score[] = [
    { name: 'error', better: 'lower', decimals: 2, isShare: true, of: errorOf },
    {
      ...{ name: 'SNR (dB)', better: 'higher', decimals: 1 },
      of: (sums) => Math.min(LARGEST_SNR, -10 * Math.log10(errorOf(sums))),
    },
  ];
  if (deciding.length === 0) return [...near, meanLoss];
  return deciding.length === all.length ? [agreement, ...near, meanLoss] : [...near, agreement, meanLoss];
}

function total({ totals }: Sums, sum: OutputSum, output: number): number {
  return totals[sumName(sum, output)]![0]!;
}

function mean(outputs: readonly number[], of: (output: number) => number): number {
  return outputs.reduce((sum, output) => sum + of(output), 0) / outputs.length;
}
