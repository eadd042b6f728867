import { int64s, intAttribute, integers } from '../attributes.ts';
import { isStatic, sizeOf } from '../dims.ts';
import { isFloat } from '../elementTypes.ts';
import { exactNumbers, tensorOfNumbers } from '../numbers.ts';
import { emptyData } from '../tensors.ts';
import type { Dim, Node, Tensor, TensorType } from '../types.ts';
import { elementwiseValues } from './elementwise.ts';
import { concatValues, type EvaluateRule, movementValues } from './movement.ts';
import { dequantize } from './quantized.ts';
import { reducedValues } from './reduce.ts';

/** The dimensions that a Shape node gives out. */
export function shapePart(node: Node, shape: readonly Dim[] | undefined): readonly Dim[] | undefined {
  return shape?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', shape.length));
}

const shape: EvaluateRule = ({ node, inputs: [x] }) => {
  const part = shapePart(node, x!.dims) as readonly number[];
  return [int64s([part.length], part)];
};

const rules: Readonly<Record<string, EvaluateRule>> = {
  ...movementValues,
  ...elementwiseValues,
  ...reducedValues,
  DequantizeLinear: dequantize,
  Shape: shape,
  Size: ({ inputs: [x] }) => [int64s([], [x!.data.length])],
  /** One value throughout, a float32 zero where none is given. */
  ConstantOfShape: ({ node, inputs: [sizes] }) => {
    const dims = integers(sizes);
    const { value } = node.attributes;
    const [elementType, element] =
      value?.type === 'tensor' ? [value.value.elementType, value.value.data[0]] : ['float32' as const, 0];
    if (dims === undefined || element === undefined || dims.some((d) => d < 0)) return undefined;
    const data = emptyData(elementType, sizeOf(dims));
    for (let i = 0; i < data.length; i++) data[i] = element;
    return [{ elementType, dims, data }];
  },
  /** Numbers from `start` to before `limit`; those that are no integers gather rounding errors, as the engine adds them up. */
  Range: ({ inputs }) => {
    const [start, limit, delta] = inputs.map((x) => exactNumbers(x!)?.[0]);
    const { elementType } = inputs[0]!;
    if (start === undefined || limit === undefined || !delta || isFloat(elementType)) return undefined;
    const length = Math.max(0, Math.ceil((limit - start) / delta));
    const values = Array.from({ length }, (_, i) => start + i * delta);
    const tensor = tensorOfNumbers(elementType, [length], values);
    return tensor && [tensor];
  },
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
