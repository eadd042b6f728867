import { int64s, intAttribute, integers } from '../attributes.ts';
import { sizeOf } from '../dims.ts';
import { isFloat } from '../elementTypes.ts';
import { exactNumbers, tensorOfNumbers } from '../numbers.ts';
import { emptyData } from '../tensors.ts';
import type { Dim, Node } from '../types.ts';
import type { EvaluateRule } from './context.ts';

/** The dimensions that a Shape node gives out. */
export function shapePart(node: Node, shape: readonly Dim[] | undefined): readonly Dim[] | undefined {
  return shape?.slice(intAttribute(node, 'start', 0), intAttribute(node, 'end', shape.length));
}

const shape: EvaluateRule = ({ node, inputs: [x] }) => {
  const part = shapePart(node, x!.dims) as readonly number[];
  return [int64s([part.length], part)];
};

/** One value throughout, a float32 zero where none is given. */
const constantOfShape: EvaluateRule = ({ node, inputs: [sizes] }) => {
  const dims = integers(sizes);
  const { value } = node.attributes;
  const [elementType, element] =
    value?.type === 'tensor' ? [value.value.elementType, value.value.data[0]] : ['float32' as const, 0];
  if (dims === undefined || element === undefined || dims.some((d) => d < 0)) return undefined;
  const data = emptyData(elementType, sizeOf(dims));
  for (let i = 0; i < data.length; i++) data[i] = element;
  return [{ elementType, dims, data }];
};

/** Numbers from `start` to before `limit`; those that are no integers gather rounding errors, as the engine adds them up. */
const range: EvaluateRule = ({ inputs }) => {
  const [start, limit, delta] = inputs.map((x) => exactNumbers(x!)?.[0]);
  const { elementType } = inputs[0]!;
  if (start === undefined || limit === undefined || !delta || isFloat(elementType)) return undefined;
  const length = Math.max(0, Math.ceil((limit - start) / delta));
  const values = Array.from({ length }, (_, i) => start + i * delta);
  const tensor = tensorOfNumbers(elementType, [length], values);
  return tensor && [tensor];
};

/** Operators that make values out of sizes and bounds. */
export const makingValues = {
  Shape: shape,
  Size: ({ inputs: [x] }) => [int64s([], [x!.data.length])],
  ConstantOfShape: constantOfShape,
  Range: range,
} as const satisfies Record<string, EvaluateRule>;
