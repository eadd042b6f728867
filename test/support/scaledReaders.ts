import { sizeOf } from '../../src/graph/dims.ts';
import type { Tensor } from '../../src/graph/types.ts';
import type { TracedModel } from '../../src/groups/traceModel.ts';

/** For tests: the initializers of a traced model, what reads component k multiplied by a factor. */
export function scaledReaders({ prepared, groups }: TracedModel, k: number, factor: number): Map<string, Tensor> {
  const scaled = [...prepared.graph.initializers].map(([name, tensor]): [string, Tensor] => {
    const axes = groups.axes.filter((a) => a.tensor === name && a.role === 'reads');
    const isRead = (i: number) =>
      axes.some(({ axis, components }) => {
        return components[Math.floor(i / sizeOf(tensor.dims.slice(axis + 1))) % components.length] === k;
      });
    if (axes.length === 0) return [name, tensor];
    return [name, { ...tensor, data: (tensor.data as Float32Array).map((w, i) => (isRead(i) ? factor * w : w)) }];
  });
  return new Map(scaled);
}
