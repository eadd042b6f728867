import type { Node, Tensor } from '../types.ts';

/** What a rule sees of a node whose inputs are all known. */
export interface EvaluateContext {
  readonly node: Node;
  /** Undefined for an input that is left out. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** Dimensions of each output. */
  readonly dims: readonly (readonly number[])[];
}

/** Computes a node's outputs; undefined where the result depends on who computes it (overflow, division by zero). */
export type EvaluateRule = (c: EvaluateContext) => readonly Tensor[] | undefined;
