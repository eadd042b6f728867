import { UsageError } from '../base/errors.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { sampleOf } from '../graph/lazyTensor.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import { asFloat32 } from '../passes/float32.ts';

/**
 * Throws UsageError, with the tensor and the position, where a stored tensor holds NaN or a weight is infinite: no
 * training comes back from there. Constants may be infinite, such as a mask that is added before a softmax.
 */
export function requireFiniteWeights({ initializers }: Graph, isWeight: (name: string) => boolean): void {
  for (const [name, tensor] of initializers) {
    const values = floatsOf(tensor);
    if (values === undefined) continue;
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    const nan = values.findIndex(Number.isNaN);
    if (nan < 0 && !isWeight(name)) continue;
    const i = nan < 0 ? at : nan;
    throw new UsageError(
      `tensor '${name}' of the model has the value ${values[i]} at position ${i}: it cannot be trained from there`,
    );
  }
}

function floatsOf(tensor: Tensor): Float32Array | Float64Array | undefined {
  // Half precision of this other kind is refused where it is trained.
  if (!isFloat(tensor.elementType) || tensor.elementType === 'bfloat16') return undefined;
  const { elementType } = tensor;
  const stored = sampleOf(tensor);
  const values = { elementType, dims: [stored.length], data: stored };
  const { data } = elementType === 'float64' ? values : asFloat32(values);
  return data instanceof Float32Array || data instanceof Float64Array ? data : undefined;
}
