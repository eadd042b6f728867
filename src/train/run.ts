import type { ScoreKind } from '../tasks/score.ts';
import type { EpochMetrics } from './metrics.ts';
import type { Progress } from './progress.ts';
import type { TrainState } from './trainState.ts';

/** A run as it goes on: the model in training is replaced when it shrinks, the place in the run with every update. */
export interface Run {
  state: TrainState;
  progress: Progress;
}

/** The deciding score of each epoch, in a form of which less is better; empty without held-out data. */
export function decidingScores(history: readonly EpochMetrics[], scores: readonly ScoreKind[]): number[] {
  const [deciding] = scores;
  return history.flatMap(({ valid }) => {
    const value = deciding && valid?.[deciding.name];
    return value === undefined ? [] : [deciding!.better === 'lower' ? value : -value];
  });
}
