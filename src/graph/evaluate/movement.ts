import { intAttribute, integers, intsAttribute } from '../attributes.ts';
import { normalizeAxis, sliceBound } from '../dims.ts';
import { concatTensors, sliceTensor, stridedTensor, stridesOf } from '../tensors.ts';
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

/** Integers of an input, undefined when it is left out. */
function ints({ inputs }: EvaluateContext, input: number): readonly number[] | undefined {
  return integers(inputs[input]);
}

/** The same elements in another shape. */
const same: EvaluateRule = ({ inputs: [x], dims: [dims] }) => {
  const { elementType, data } = x!;
  return [{ elementType, dims: dims!, data }];
};

/** All inputs, one behind the other along an axis. */
export const concatValues: EvaluateRule = ({ node, inputs, dims }) => {
  // The engine refuses such a graph, and says why.
  if (inputs.some((x) => x?.elementType !== inputs[0]!.elementType)) return undefined;
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), dims[0]!.length)!;
  return [concatTensors(inputs as [Tensor, ...Tensor[]], axis)];
};

/** A tensor repeated along its axes of size 1, and along new ones in front, up to these sizes. */
export function broadcastTo(x: Tensor, dims: readonly number[]): Tensor {
  const strides = stridesOf(x.dims);
  const missing = dims.length - strides.length;
  const repeated = dims.map((_, i) => (i < missing || x.dims[i - missing] === 1 ? 0 : strides[i - missing]!));
  return stridedTensor(x, dims, repeated);
}

/** Operators that move elements of their first input; further ones say where to. */
export const movementValues = {
  Identity: same,
  Reshape: same,
  Squeeze: same,
  Unsqueeze: same,
  Flatten: same,
  Transpose: ({ node, inputs: [x], dims: [dims] }) => {
    const strides = stridesOf(x!.dims);
    const perm = intsAttribute(node, 'perm') ?? [...strides.keys()].reverse();
    const turned = perm.map((p) => strides[p]!);
    return [stridedTensor(x!, dims!, turned)];
  },
  Slice: (c) => {
    const { node, inputs, dims } = c;
    const x = inputs[0]!;
    const attributes = intsAttribute(node, 'starts');
    const starts = attributes ?? ints(c, 1);
    const axes = (attributes ? intsAttribute(node, 'axes') : ints(c, 3)) ?? starts?.map((_, i) => i);
    const steps = (attributes ? undefined : ints(c, 4)) ?? starts?.map(() => 1);
    if (starts === undefined || axes === undefined || steps === undefined) return undefined;
    const strides = stridesOf(x.dims);
    let offset = 0;
    for (const [i, start] of starts.entries()) {
      const axis = normalizeAxis(axes[i]!, x.dims.length)!;
      const size = x.dims[axis]!;
      // Counting down, the first element is one that is there.
      const last = steps[i]! > 0 ? size : size - 1;
      offset += Math.min(sliceBound(start, size), last) * strides[axis]!;
      strides[axis]! *= steps[i]!;
    }
    return [stridedTensor(x, dims[0]!, strides, offset)];
  },
  Gather: (c) => {
    const x = c.inputs[0]!;
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), x.dims.length)!;
    const places = ints(c, 1)?.map((i) => normalizeAxis(i, x.dims[axis]!));
    if (!places?.every((i) => i !== undefined)) return undefined;
    const keep = x.dims.map((_, i) => (i === axis ? places : undefined));
    return [{ ...sliceTensor(x, keep), dims: c.dims[0]! }];
  },
  Split: ({ node, inputs: [x], dims }) => {
    const strides = stridesOf(x!.dims);
    const axis = normalizeAxis(intAttribute(node, 'axis', 0), strides.length)!;
    let at = 0;
    return dims.map((own) => {
      at += own[axis]!;
      return stridedTensor(x!, own, strides, (at - own[axis]!) * strides[axis]!);
    });
  },
  Expand: ({ inputs: [x], dims: [dims] }) => [broadcastTo(x!, dims!)],
} as const satisfies Record<string, EvaluateRule>;
