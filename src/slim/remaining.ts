import { constantTensor } from '../graph/attributes.ts';
import { bodiesOf } from '../graph/rewrite.ts';
import { SparseTensor } from '../graph/sparseTensor.ts';
import { storedTensors } from '../graph/stored.ts';
import type { Graph, Tensor } from '../graph/types.ts';
import type { AxisComponents, Groups } from '../groups/groups.ts';
import { biasShares, isAllZero, parametersIn } from '../inspect/costs.ts';
import { constantPerUse } from '../passes/constantPerUse.ts';
import { sliceByGroups } from './slice.ts';

/** Parameters of a model after a removal (1 for each component that goes). */
export type RemainingParameters = (removed: Uint8Array) => number;

/** Counts ahead what `countParameters` will find in the smaller model. */
export function remainingParameters(graph: Graph, groups: Groups): RemainingParameters {
  const own = constantPerUse(graph);
  const shares = biasShares(own);
  const constants = new Set(constantsIn(own));
  const axes = new Map<string, AxisComponents[]>();
  for (const a of groups.axes) axes.set(a.tensor, [...(axes.get(a.tensor) ?? []), a]);
  const tensors = [...storedTensors(own)]
    .filter(([name, tensor]) => !(constants.has(name) && isAllZero(tensor)))
    .map(([name, tensor]) => ({ name, tensor, share: shares.get(name), axes: axes.get(name) ?? [] }));
  return (removed) => {
    // Copies of a constant that stay whole become one again.
    const whole = new Set<Tensor>();
    let count = 0;
    for (const { name, tensor, share, axes } of tensors) {
      const dims = tensor.dims.map((size, axis) => size - lost(axes, axis, removed));
      const isWhole = dims.every((size, axis) => size === tensor.dims[axis]);
      if (isWhole && whole.has(tensor)) continue;
      if (isWhole) whole.add(tensor);
      else if (constants.has(name) && isAllZero(sliceByGroups(name, tensor, groups, removed))) continue;
      const left = tensor instanceof SparseTensor && !isWhole ? sliceByGroups(name, tensor, groups, removed) : tensor;
      count += parametersIn(left instanceof SparseTensor ? left : { elementType: tensor.elementType, dims }, share);
    }
    return count;
  };
}

/** Names of the constants of a graph and of the graphs inside it. */
function constantsIn({ nodes }: Graph): string[] {
  return nodes.flatMap((node) => [
    ...(constantTensor(node) ? [node.outputs[0]!] : []),
    ...bodiesOf(node).flatMap(constantsIn),
  ]);
}

/** How many indices of an axis go. */
function lost(axes: readonly AxisComponents[], axis: number, removed: Uint8Array): number {
  const along = axes.find((a) => a.axis === axis)?.components;
  return along?.reduce((n, k) => n + (k >= 0 && removed[k] === 1 ? 1 : 0), 0) ?? 0;
}
