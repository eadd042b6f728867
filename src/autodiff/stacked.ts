import { SlimError } from '../base/errors.ts';
import type { GraphBuilder, Value } from '../graph/builder.ts';
import { isBroadcasting, traits } from '../graph/operators.ts';
import { flatten, gemm, transpose } from '../graph/ops.ts';
import { ruleFor } from '../graph/rules.ts';
import type { Node } from '../graph/types.ts';
import { elementwiseGradients } from './elementwise.ts';
import { type GradientContext, type GradientRule, gradientContext, rankOf } from './rule.ts';

/*
 * The gradient of a weight W in a product W · h_t of every step is one product over the steps laid side by side,
 *   dW = Σ_t dz_t · h_tᵀ = [dz_1 … dz_T] · [h_1 … h_T]ᵀ, one fat GEMM after the loop instead of T skinny ones inside it.
 */

/** True when the gradient of a captured operand can be computed after the loop from stacked values. */
export function canStack(c: GradientContext, input: number): boolean {
  const other = c.inputs[1 - input];
  const own = c.inputs[input];
  if (own === undefined || other === undefined || c.node.inputs.length !== 2) return false;
  if (c.node.op === 'MatMul') return rankOf(own) === 2 && rankOf(other) === 2;
  // Broadcasting aligns at the right, so the stacked operand must not have fewer axes than the weight.
  const isLinear = isBroadcasting(c.node) && traits(c.node).linear !== undefined;
  return isLinear && rankOf(other) >= rankOf(own) && c.node.inputs[0] !== c.node.inputs[1];
}

/** True when the gradient of one operand depends on the values of the other, so that the loop must save them. */
export function readsOther(node: Node): boolean {
  return traits(node).linear !== 'sum';
}

/**
 * Gradient of the captured operand `input`, from the stacked gradient [T, …] of the node's output and the operands
 * (stacked, or outer values where they do not change from step to step; the other one only if `readsOther`).
 */
export function stackedGradient(
  b: GraphBuilder,
  c: GradientContext,
  input: number,
  operands: readonly (Value | undefined)[],
  gradient: Value,
): Value {
  const other = operands[1 - input];
  const own = operands[input];
  if (own === undefined || (other === undefined && readsOther(c.node))) {
    throw new SlimError(`${c.node.op} '${c.node.name}' lacks an operand`);
  }
  if (c.node.op === 'MatMul' && other) {
    if (input === 0) return gemm(columnsOfSteps(gradient), columnsOfSteps(other), undefined, { transA: true });
    return gemm(flatten(other, 2), flatten(gradient, 2), undefined, { transA: true });
  }
  const stacked = gradientContext({
    ...c,
    builder: b,
    inputs: operands,
    outputs: [], // the rules of linear operators do not read it
    gradients: [gradient],
    needs: (i) => i === input,
  });
  const result = ruleFor<GradientRule>(elementwiseGradients, c.node)?.(stacked)[input];
  if (result === undefined) throw new SlimError(`${c.node.op} '${c.node.name}' has no gradient for input ${input}`);
  return result;
}

/** [T, R, N] → [T·N, R]: the columns of every step as rows. */
function columnsOfSteps(x: Value): Value {
  return flatten(transpose(x, [0, 2, 1]), 2);
}
