import { zeroValues } from '../graph/zeroValues.ts';
import type { TrainingGraph } from './compile.ts';

/*
 * Weights that no training moves, whatever the data: the loss does not depend on them, or they are multiplied by states
 * that are always 0, as those of a model of one step are that runs for one step only.
 */

/** At most so many weights are named in a note. */
const MOST_NAMED = 12;

/** Trained weights whose gradient is 0 for any data, given inputs that are always fed zeros. */
export function weightsWithoutGradient(plan: TrainingGraph, zeroInputs: readonly string[]): string[] {
  const isZero = zeroValues(plan.graph, new Set(zeroInputs));
  return plan.parameters.map((p) => p.name).filter((name) => isZero(plan.gradients.get(name)!));
}

/** What a user should know of weights without gradient, and of inputs that are always 0. */
export function gradientNotes(names: readonly string[], zeroInputs: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const listed = `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
  const inputs = zeroInputs.map((name) => `'${name}'`).join(', ');
  const why =
    zeroInputs.length > 0
      ? ` (always 0: ${inputs}; a model of one step learns what it carries from sequences [N, T, …] only)`
      : '';
  return [`no gradient reaches ${listed}: training leaves them as they are${why}`];
}
