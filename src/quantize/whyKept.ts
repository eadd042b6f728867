import { sizeOf } from '../graph/dims.ts';
import { floatToHalf, halfToFloat } from '../graph/half.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { overridable } from '../passes/overridable.ts';
import { isLargeMatrix, SMALLEST } from './candidates.ts';
import type { QuantizedForm } from './quantize.ts';
import { matrixReaders } from './storage.ts';

/** Why no large float32 weight of a graph could be stored in that form: a clause for each, none without such a weight. */
export function whyKept(graph: Graph, to: QuantizedForm): string[] {
  const open = overridable(graph);
  const readers = matrixReaders(graph);
  return [...storedTensors(graph)].flatMap(([name, tensor]) => {
    if (!isLarge(tensor, to)) return [];
    if (open.has(name)) return [`'${name}' is an input that may be given`];
    const odd = oddNumbers(tensor.data as Float32Array, to);
    if (odd !== undefined) return [`'${name}' ${odd}`];
    return [`'${name}' ${readers.has(name) ? 'would not get smaller' : 'is not read as a matrix of weights'}`];
  });
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
