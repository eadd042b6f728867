import type { Value } from '../graph/builder.ts';
import type { Node } from '../graph/types.ts';

/**
 * One step of a recurrent layer in feature-major form, where a column is one example: the recurrent product is then
 * `R[GH, H] · h[H, B]` with the weight at the left, which the runtime does not pack anew at every step.
 */
export interface Cell {
  /** ONNX operator that this cell is. */
  readonly operator: string;
  /** Rows of W and R per hidden unit. */
  readonly gates: number;
  /** Carried states in the order of the operator's initial_ inputs: h, and c for LSTM. */
  readonly states: number;
  /** Stops with a clear message when the node uses an option that the equations do not cover. */
  check(node: Node): void;
  /**
   * The equations. `x` [GH, B] is W·x_t + b, computed for all steps before the loop; `states` are [H, B];
   * returns the new states, of which the first is the output.
   */
  step(x: Value, states: readonly Value[], recurrent: Value): Value[];
}
