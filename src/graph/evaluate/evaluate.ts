import { isStatic, sizeOf } from '../dims.ts';
import type { Node, Tensor, TensorType } from '../types.ts';
import type { EvaluateRule } from './context.ts';
import { elementwiseValues } from './elementwise.ts';
import { makingValues } from './making.ts';
import { concatValues, movementValues } from './movement.ts';

const rules: Readonly<Record<string, EvaluateRule>> = {
  ...movementValues,
  ...elementwiseValues,
  ...makingValues,
  Concat: concatValues,
};

/** More elements than this are not computed before the run. */
const MOST_ELEMENTS = 2 ** 28;

/** True for an operator that can be computed before the run where its inputs are known. */
export function canEvaluate(node: Node): boolean {
  return node.domain === '' && Object.hasOwn(rules, node.op);
}

/**
 * What a node gives for these inputs, exactly as ONNX has it; `types` are the inferred types of its outputs. Undefined
 * for operators that are not known here, and where the result would depend on who computes it.
 */
export function evaluate(
  node: Node,
  inputs: readonly (Tensor | undefined)[],
  types: readonly TensorType[],
): readonly Tensor[] | undefined {
  const shapes = types.map(({ shape }) => shape);
  if (!canEvaluate(node) || inputs[0] === undefined || !shapes.every(isStatic)) return undefined;
  if (shapes.some((dims) => sizeOf(dims) > MOST_ELEMENTS)) return undefined;
  const results = rules[node.op]!({ node, inputs, dims: shapes });
  // Types that do not fit are those of a graph that does not.
  const fit = results?.every(({ dims, data }, i) => dims.join() === shapes[i]?.join() && data.length === sizeOf(dims));
  return fit ? results : undefined;
}
