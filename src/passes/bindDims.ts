import { bindDim } from '../graph/dims.ts';
import type { Attribute, Dim, Graph, Node, TensorType, ValueInfo } from '../graph/types.ts';

/** A graph with free dimensions fixed: `bindDims(graph, { batch: 20, time: 35 })`. */
export function bindDims(graph: Graph, sizes: Readonly<Record<string, Dim>>): Graph {
  const type = (t: TensorType): TensorType => ({ ...t, shape: t.shape?.map((d) => bindDim(d, sizes)) });
  const info = (v: ValueInfo): ValueInfo => ({ name: v.name, type: type(v.type) });
  const attribute = (a: Attribute): Attribute =>
    a.type === 'graph' ? { type: 'graph', value: bindDims(a.value, sizes) } : a;
  const node = (n: Node): Node => ({
    ...n,
    attributes: Object.fromEntries(Object.entries(n.attributes).map(([k, a]) => [k, attribute(a)])),
  });
  return {
    ...graph,
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    nodes: graph.nodes.map(node),
  };
}
