import { type ScoreKind, scoreKinds } from '../tasks/score.ts';
import type { Split } from '../tasks/task.ts';
import type { RunResult } from './result.ts';

/** Mean and sample standard deviation (n − 1) of one figure over several runs. */
export interface MeanOf {
  readonly values: readonly number[];
  readonly mean: number;
  readonly deviation: number;
}

/** A model of the runs, such as the slim one, over all of them. */
export interface ModelOverSeeds {
  readonly name: string;
  readonly scores: Readonly<Partial<Record<Split, Readonly<Record<string, MeanOf>>>>>;
  readonly parameters: MeanOf;
  /** Units of each layer. */
  readonly hidden: readonly MeanOf[];
}

/** What runs that differ in their seed came to. */
export interface SeedsResult {
  readonly seeds: readonly number[];
  readonly scores: readonly ScoreKind[];
  readonly models: readonly ModelOverSeeds[];
  readonly seconds: MeanOf;
}

/** Mean and deviation of some values. */
export function meanOf(values: readonly number[]): MeanOf {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { values, mean, deviation: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

/** Sums up runs of one configuration, a result for each seed: their models are the same by name. */
export function overSeeds(seeds: readonly number[], results: readonly RunResult[]): SeedsResult {
  const [first] = results as [RunResult, ...RunResult[]];
  const scores = scoreKinds(first.config.scores as readonly ScoreKind[]);
  const models = first.models.map(({ name, scores: ofSplits, hidden }): ModelOverSeeds => {
    const same = results.map(({ models: own }) => own.find((model) => model.name === name)!);
    const splits = Object.keys(ofSplits) as Split[];
    return {
      name,
      scores: Object.fromEntries(
        splits.map((split) => [
          split,
          Object.fromEntries(scores.map((kind) => [kind.name, meanOf(same.map((m) => m.scores[split]![kind.name]!))])),
        ]),
      ),
      parameters: meanOf(same.map((model) => model.parameters)),
      hidden: hidden.map((_, layer) => meanOf(same.map((model) => model.hidden[layer]!))),
    };
  });
  return { seeds, scores, models, seconds: meanOf(results.map(({ seconds }) => seconds)) };
}
