import { intAttribute } from '../graph/attributes.ts';
import { type GradientRule, type GradientRules, gradient, input } from './rule.ts';

/** Reversing each sequence up to its length again puts every gradient back in its place. */
const reverseSequenceRule: GradientRule = (c) => {
  const { builder, node } = c;
  return [builder.node('ReverseSequence', [gradient(c), input(c, 1)], node.attributes)[0]];
};

/** y_i = Σ_{j ≤ i} x_j: dx_j = Σ_{i ≥ j} dy_i, a running sum from the other end. */
const cumSumRule: GradientRule = (c) => {
  const { builder, node } = c;
  const attributes = { ...node.attributes, reverse: 1 - intAttribute(node, 'reverse', 0) };
  return [builder.node('CumSum', [gradient(c), input(c, 1)], attributes)[0], undefined];
};

export const sequenceGradients = {
  ReverseSequence: reverseSequenceRule,
  CumSum: cumSumRule,
} satisfies GradientRules;
