import { adamKind } from './adam.ts';
import { adamwKind } from './adamw.ts';
import { asgdKind } from './asgd.ts';
import type { FieldValues, OptimizerKind } from './kind.ts';
import { momentumKind } from './momentum.ts';
import type { Optimizer, OptimizerState } from './optimizer.ts';
import { sgdKind } from './sgd.ts';

/** All optimizers, by name: the only list. */
export const optimizers = {
  sgd: sgdKind,
  momentum: momentumKind,
  adam: adamKind,
  adamw: adamwKind,
  asgd: asgdKind,
} as const satisfies Record<string, OptimizerKind>;

/** Name of an optimizer. */
export type OptimizerName = keyof typeof optimizers;

/** An optimizer as a configuration chooses it: its name and all of its fields. */
export type OptimizerChoice = {
  [Name in OptimizerName]: { readonly kind: Name } & FieldValues<(typeof optimizers)[Name]['fields']>;
}[OptimizerName];

/** Makes the optimizer that a configuration chooses; with a state it goes on where that one was left. */
export function createOptimizer({ kind, ...fields }: OptimizerChoice, state?: OptimizerState): Optimizer {
  const chosen: OptimizerKind = optimizers[kind];
  return chosen.create(fields, state);
}
