import { bindDim } from '../graph/dims.ts';
import { mapBodies } from '../graph/rewrite.ts';
import type { Dim, Graph, TensorType, ValueInfo } from '../graph/types.ts';

/** A graph with free dimensions fixed: `bindDims(graph, { batch: 20, time: 35 })`. */
export function bindDims(graph: Graph, sizes: Readonly<Record<string, Dim>>): Graph {
  const type = (t: TensorType): TensorType => ({ ...t, shape: t.shape?.map((d) => bindDim(d, sizes)) });
  const info = (v: ValueInfo): ValueInfo => ({ name: v.name, type: type(v.type) });
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map((node) => mapBodies(node, (body) => bindDims(body, sizes))),
  };
}
