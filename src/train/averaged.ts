import { SparseTensor } from '../graph/sparseTensor.ts';
import type { Tensor } from '../graph/types.ts';

/**
 * An average of weights as it is scored and saved: a copy that is 0 where the weights are 0 now. So a unit that died is dead
 * in it as well, and can leave without changing what is scored. The average itself goes on: a weight that is 0 for one
 * update, as under a threshold it is whenever it changes its sign, has lost nothing.
 */
export function averagedWeights(average: Tensor, weights: Tensor): Tensor {
  // What is not trained has no average.
  if (average === weights) return weights;
  if (average instanceof SparseTensor && weights instanceof SparseTensor) {
    return average.with(withZeros(average.values as Float32Array, weights.values as Float32Array), 'float32');
  }
  const data = withZeros(average.data as Float32Array, weights.data as Float32Array);
  return { ...average, elementType: 'float32', data };
}

function withZeros(average: Float32Array, weights: Float32Array): Float32Array {
  const copy = average.slice();
  for (let i = 0; i < copy.length; i++) if (weights[i] === 0) copy[i] = 0;
  return copy;
}
