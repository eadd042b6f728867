import type { Value } from '../graph/builder.ts';
import type { Node } from '../graph/types.ts';
import type { Activation, ActivationName } from './activations.ts';

/** What the equations of one direction of a layer are made of. */
export interface CellParts {
  /** The node in the model, for attributes that only this cell has. */
  readonly node: Node;
  /** R [GH, H], the gates in ONNX order. */
  readonly recurrent: Value;
  /** Recurrent bias as a column [GH, 1]; only for a cell with `biasInLoop`, and undefined where the node has no bias. */
  readonly recurrentBias: Value | undefined;
  /** P as a column [3H, 1] (LSTM only). */
  readonly peepholes: Value | undefined;
  /** As many as the cell names, in its order; those of gates clip their input first when the node asks for that. */
  readonly activations: readonly Activation[];
}

/**
 * One step in feature-major form, where a column is one example: the recurrent product is then `R[GH, H] · h[H, B]` with
 * the weight at the left, which the runtime does not pack anew at every step. `x` [GH, B] is W·x_t + b, computed for all
 * steps before the loop; `states` are [H, B], in the order in which the operator takes them. Returns the new states, of
 * which the first is the output.
 */
export type Step = (x: Value, states: readonly Value[]) => Value[];

/** A recurrent operator of ONNX as equations. */
export interface Cell {
  /** Default activations f, g, h. */
  readonly activations: readonly ActivationName[];
  /** True when the recurrent bias meets the state in another way than the input's bias, and so cannot be added to it. */
  biasInLoop(node: Node): boolean;
  /** The equations. What is computed here, from weights alone, is computed once before the loop. */
  equations(parts: CellParts): Step;
}
