import { z } from 'zod';
import type { Section } from '../base/fields.ts';
import { adamKind, adamwKind } from './adam.ts';
import { asgdKind } from './asgd.ts';
import { chosenKind, type OptimizerKind } from './kind.ts';
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

/** The kind of that name; undefined where there is none. */
export function optimizerNamed(name: unknown): OptimizerKind | undefined {
  return Object.values<OptimizerKind>(optimizers).find((kind) => kind.name === name);
}

/** The kind that a configuration's section chooses. */
export function optimizerKindOf(section: Section): OptimizerKind {
  return chosenKind<OptimizerKind>(optimizers, section, 'optimizer');
}

/** Makes the optimizer of a configuration's section; with a state it goes on where that one was left. */
export function optimizerOf(section: Section, state?: OptimizerState): Optimizer {
  const kind = optimizerKindOf(section);
  return kind.create(z.object(kind.fields).parse(section), state);
}
