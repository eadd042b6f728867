import { GraphBuilder } from './builder.ts';
import { removeDeadNodes, renameInputs } from './rewrite.ts';
import type { Model, Node } from './types.ts';

/** The model as it is used: without Dropout, which only acts in training. */
export function withoutDropout(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some(isDropout)) return model;
  const b = GraphBuilder.from({ ...graph, nodes: [], outputs: [] });
  b.reserve(graph);
  const names = new Map<string, string>();
  for (const node of graph.nodes) {
    const renamed = renameInputs(node, names);
    const isBorder = graph.outputs.some((o) => o.name === node.outputs[0]);
    if (isDropout(node) && !isBorder) names.set(node.outputs[0]!, renamed.inputs[0]!);
    else b.addNode(renamed);
  }
  return { ...model, graph: removeDeadNodes({ ...b.build(), outputs: graph.outputs }) };
}

function isDropout(node: Node): boolean {
  return node.op === 'Dropout' && node.domain === '';
}
