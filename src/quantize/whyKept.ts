import { sizeOf } from '../graph/dims.ts';
import { floatToHalf, halfToFloat } from '../graph/half.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { overridable } from '../passes/overridable.ts';
import { isLargeMatrix, SMALLEST } from './candidates.ts';
import type { QuantizedForm } from './quantize.ts';
import { matrixReaders } from './storage.ts';

/** A large float32 tensor that stays as it is, and why, as the end of a sentence about it. */
export interface KeptWeight {
  readonly name: string;
  readonly why: string;
}

/** The large float32 tensors of a graph that cannot be stored in that form, with the reason of each. */
export function whyKept(graph: Graph, to: QuantizedForm): KeptWeight[] {
  const open = overridable(graph);
  const readers = matrixReaders(graph);
  const whyOf = (name: string, tensor: Tensor): string => {
    if (open.has(name)) return 'is an input that may be given';
    const odd = oddNumbers(tensor.data as Float32Array, to);
    if (odd !== undefined) return odd;
    if (to !== 'fp16' && !readers.has(name)) return 'is not read as a matrix of weights';
    return graph.initializers.has(name) ? 'would not get smaller' : 'is no initializer of the graph';
  };
  const large = [...storedTensors(graph)].filter(([, tensor]) => isLarge(tensor, to));
  return large.map(([name, tensor]) => ({ name, why: whyOf(name, tensor) }));
}

function isLarge(tensor: Tensor, to: QuantizedForm): boolean {
  if (to !== 'fp16') return isLargeMatrix(tensor);
  return tensor.elementType === 'float32' && sizeOf(tensor.dims) >= SMALLEST;
}

/** What a form cannot hold of some numbers. */
function oddNumbers(data: Float32Array, to: QuantizedForm): string | undefined {
  if (!data.every(Number.isFinite)) return 'has NaN or infinity';
  const isHeld = to !== 'fp16' || data.every((x) => Number.isFinite(halfToFloat(floatToHalf(x))));
  return isHeld ? undefined : 'has numbers that are too large for float16';
}
