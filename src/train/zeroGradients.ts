import { zeroValues } from '../graph/zeroValues.ts';
import type { TrainingGraph } from './compile.ts';

/*
 * Weights that no training moves, whatever the data: the loss does not depend on them, or they are multiplied by states
 * that are always 0, as those of a model of one step are that runs for one step only.
 */

/** At most so many weights are named in a note. */
const MOST_NAMED = 12;

/**
 * What a user should know of trained weights whose gradient is 0 for any data: of those that have no part in the loss
 * (`apart`, and what the graph shows), and of those that only meet inputs that are always fed zeros.
 */
export function gradientNotes(plan: TrainingGraph, apart: readonly string[], zeroInputs: readonly string[]): string[] {
  const without = withoutGradient(plan, []);
  const stopped = withoutGradient(plan, zeroInputs).filter((name) => !without.includes(name));
  const idle = [...apart, ...without];
  const inputs = zeroInputs.map((name) => `'${name}'`).join(', ');
  return [
    ...(idle.length > 0 ? [`the loss does not depend on ${listed(idle)}: no gradient reaches them`] : []),
    ...(stopped.length > 0
      ? [
          `no gradient reaches ${listed(stopped)}, because ${inputs} ${zeroInputs.length > 1 ? 'are' : 'is'} always 0: ` +
            'a model of one step learns what it carries from sequences [N, T, …] only',
        ]
      : []),
  ];
}

/** Trained weights whose gradient is 0 for any data, given inputs that are always fed zeros. */
function withoutGradient(plan: TrainingGraph, zeroInputs: readonly string[]): string[] {
  const isZero = zeroValues(plan.graph, new Set(zeroInputs));
  return plan.parameters.map((p) => p.name).filter((name) => isZero(plan.gradients.get(name)!));
}

function listed(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}
