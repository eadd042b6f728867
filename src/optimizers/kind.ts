import type { z } from 'zod';
import { SlimError } from '../base/errors.ts';
import type { Section } from '../base/fields.ts';
import type { Optimizer, OptimizerState } from './optimizer.ts';

/** The values of some fields. */
export type FieldValues<Shape extends z.ZodRawShape> = z.infer<z.ZodObject<Shape>>;

/** An optimizer as the registry lists it. Its fields are flags; every kind has `ema` among them (`withAverage`). */
export interface OptimizerKind<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly name: string;
  /** What it is, in one line. */
  readonly about: string;
  readonly fields: Shape;
  readonly defaults: FieldValues<Shape>;
  /** Whether it goes by scores on held-out data: without them it would never do what it is chosen for. */
  readonly needsScores?: boolean;
  /**
   * What the learning rate is, where it is no factor on the gradient alone: one on a running sum of gradients, or about how
   * far a weight moves, whatever the size of its gradient. A rate that means one of them is not taken for another.
   */
  readonly rateOf?: 'sum' | 'move';
  /** A learning rate that suits most models. */
  readonly usualRate: number;
  /** A threshold τ that suits a learning rate: weights below it become 0 where a method presses them. */
  usualThreshold(rate: number): number;
  /** Makes the optimizer; with the state of one of the same kind it goes on where that one was. */
  create(fields: FieldValues<Shape>, state?: OptimizerState): Optimizer;
}

/** Types a kind by its fields. */
export function optimizerKind<Shape extends z.ZodRawShape>(kind: OptimizerKind<Shape>): OptimizerKind<Shape> {
  return kind;
}

/** The kind of a table that a configuration's section chooses; `what` they are is said where there is none. */
export function chosenKind<Kind>(kinds: Readonly<Record<string, Kind>>, { kind }: Section, what: string): Kind {
  const chosen = kinds[kind];
  if (chosen === undefined) throw new SlimError(`there is no ${what} '${kind}'`);
  return chosen;
}
