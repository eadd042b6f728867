import { SlimError } from '../base/errors.ts';
import type { Model } from '../graph/types.ts';
import { changeOf, formatChange, formatScore, type ScoreKind, scoreKinds, worseBy } from '../tasks/score.ts';
import { type Split, splitLabels } from '../tasks/task.ts';
import { type FinishedScoreOptions, scoreModel } from '../train/scorer.ts';

/** One score of a model and of its quantized form. */
export interface ScoreChange {
  readonly score: ScoreKind;
  readonly before: number;
  readonly after: number;
  /** By how much it is more: relative to `before`; of a share in points (0.01 is one point). */
  readonly change: number;
}

/**
 * All scores of a task, the deciding one first, of a model and of its quantized form on the same data. Both run as they
 * are: products of whole numbers are those of the file, with states carried where the task carries them.
 */
export async function scoreChanges(
  original: Model,
  quantized: Model,
  split: Split,
  options: Omit<FinishedScoreOptions, 'trained'>,
): Promise<ScoreChange[]> {
  const scoresOf = async (model: Model) => {
    const { scores } = await scoreModel(model, { ...options, trained: new Set() }, [split]);
    return scores[split]!;
  };
  const [first, second] = [await scoresOf(original), await scoresOf(quantized)];
  return scoreKinds(options.problem.scores).map((score) => {
    const [before, after] = [first[score.name]!, second[score.name]!];
    return { score, before, after, change: changeOf(score, before, after) };
  });
}

/** Throws a SlimError where a score is worse by more than a bound: relative to it, of a share in points. */
export function refuseWorse({ score, before, after, change }: ScoreChange, bound: number, split: Split): void {
  // What is no number is no score.
  if (worseBy(score, change) <= bound) return;
  const [from, to] = [before, after].map((value) => formatScore(score, value));
  throw new SlimError(
    `refused: on the ${splitLabels[split]} data ${score.name} goes from ${from} to ${to}, which is ` +
      `${formatChange(score, Math.abs(change))} worse; the bound is ${formatChange(score, bound)}; ` +
      '--score-bound permits more',
  );
}
