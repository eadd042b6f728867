import { GraphBuilder } from './builder.ts';
import { removeDeadNodes } from './rewrite.ts';
import type { Model } from './types.ts';

/** The model as it is used: without Dropout, which only acts in training. */
export function withoutDropout(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some((n) => n.op === 'Dropout')) return model;
  const b = GraphBuilder.from({ ...graph, nodes: [], outputs: [] });
  b.reserve(graph);
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => names.get(name) ?? name);
    if (node.op === 'Dropout' && !graph.outputs.some((o) => o.name === node.outputs[0])) {
      names.set(node.outputs[0]!, inputs[0]!);
    } else b.addNode({ ...node, inputs });
  }
  return { ...model, graph: removeDeadNodes({ ...b.build(), outputs: graph.outputs }) };
}
