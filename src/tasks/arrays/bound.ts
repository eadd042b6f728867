import type { Dim, Graph, Model, ValueInfo } from '../../graph/types.ts';
import { bindDims } from '../../passes/bindDims.ts';
import { inlineBranches } from '../../passes/decideBranches.ts';
import { asFloat32Graph } from '../../passes/float32.ts';
import { loopToScan } from '../../passes/loopToScan.ts';
import { lowerRecurrent } from '../../passes/lowerRecurrent.ts';
import { toOwnOpset } from '../../passes/toOwnOpset.ts';
import type { Examples } from './examples.ts';

/** What the dimension of the examples is called while its size is open. */
export const BATCH = '@batch';

/** An imported graph as it is trained: float32, our operators, all sizes bound, that of the examples to `batch`. */
export function boundGraph(model: Model, examples: Examples, batch: Dim): Graph {
  const graph = asFloat32Graph(toOwnOpset(model));
  const batches = new Map([...examples.inputs, ...examples.zeros].map((v) => [v.name, v.batchAxis]));
  const sizes: Record<string, Dim> = {};
  for (const { name, type } of graph.inputs) {
    const dim = type.shape?.[batches.get(name) ?? -1];
    if (typeof dim === 'string') sizes[dim] = batch;
  }
  const bound = bindDims(graph, { ...examples.sizes, ...sizes });
  const arrays = new Map(examples.inputs.map((v) => [v.name, v.array]));
  const inputs = bound.inputs.map((info): ValueInfo => {
    const axis = batches.get(info.name);
    if (axis === undefined) return info;
    const array = arrays.get(info.name);
    const own: readonly Dim[] | undefined = array ? array.dims.slice(1) : info.type.shape?.toSpliced(axis, 1);
    return own ? { ...info, type: { ...info.type, shape: own.toSpliced(axis, 0, batch) } } : info;
  });
  return lowerRecurrent(loopToScan(inlineBranches({ ...bound, inputs })));
}
