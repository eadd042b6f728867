import type { Model } from '../graph/types.ts';
import { type ScoreValues, scoresOf } from '../tasks/score.ts';
import type { ScoreDetails, Split } from '../tasks/task.ts';
import type { TrainOptions } from './options.ts';
import { createScorer } from './scorer.ts';

/** What scoring a model gives. */
export interface ScoredModel {
  /** On each part of the data that the model was scored on. */
  readonly scores: Readonly<Partial<Record<Split, ScoreValues>>>;
  /** Of the last of these parts. */
  readonly details?: ScoreDetails | undefined;
}

/**
 * Scores a finished model on held-out data: on `splits`, by default all that there are but the training data. Throws
 * InterruptedError when it is aborted.
 */
export async function scoreModel(
  model: Model,
  { problem, runtime, settings, signal }: Pick<TrainOptions, 'problem' | 'runtime' | 'settings' | 'signal'>,
  splits: readonly Split[] = problem.splits.filter((split) => split !== 'train'),
): Promise<ScoredModel> {
  const scorer = createScorer(model, {
    problem,
    runtime,
    threads: settings.threads,
    seed: settings.seed,
  });
  const scores: Partial<Record<Split, ScoreValues>> = {};
  let details: ScoreDetails | undefined;
  try {
    for (const split of splits) {
      const sums = await scorer.score(split, { signal });
      scores[split] = scoresOf(problem.scores, sums);
      details = problem.details?.(sums);
    }
  } finally {
    await scorer.release();
  }
  return { scores, details };
}
