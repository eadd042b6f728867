import { isFloat } from '../graph/elementTypes.ts';
import { type Numbers, numbersStored } from '../graph/numbers.ts';
import { SparseTensor, type SparseValues } from '../graph/sparseTensor.ts';
import { mapStored } from '../graph/stored.ts';
import type { Tensor, TensorData } from '../graph/types.ts';
import { groupedTensors } from '../groups/groups.ts';
import type { TracedModel } from '../groups/traceModel.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';

/**
 * A traced model with w ← 0 where |w| < τ, as Wen et al. (2018, section 4.3) do after training, in the weights that the
 * groups are made of; biases stay. Units that nothing reads any more can then leave.
 */
export function withoutSmallWeights({ prepared, groups }: TracedModel, threshold: number): TracedModel {
  const names = groupedTensors(groups);
  const graph = mapStored(constantPerUse(prepared.graph), (tensor, name) =>
    names.has(name) && isFloat(tensor.elementType) ? zeroedBelow(tensor, threshold) : tensor,
  );
  return { prepared: { ...prepared, graph }, groups };
}

function zeroedBelow(tensor: Tensor, threshold: number): Tensor {
  const values = numbersStored(tensor)!;
  /** Zero is 0 in every type of reals, half precision's bits included. */
  const zeroed = (stored: TensorData) => {
    const data = stored.slice() as Numbers;
    for (let i = 0; i < data.length; i++) if (Math.abs(values[i]!) < threshold) data[i] = 0;
    return data;
  };
  if (tensor instanceof SparseTensor) return tensor.with(zeroed(tensor.values) as SparseValues, tensor.elementType);
  return { ...tensor, data: zeroed(tensor.data) };
}
