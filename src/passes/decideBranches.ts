import { graphAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { initializersAsConstants, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/**
 * Puts the branch of every `If` whose condition is known in its place. Exporters write conditions on shapes (PyTorch's
 * `squeeze`), which are decided as soon as the sizes are bound.
 */
export function inlineBranches(graph: Graph): Graph {
  if (!graph.nodes.some((node) => node.op === 'If')) return graph;
  return rewriteNodes(graph, inlineBranch);
}

function inlineBranch(b: GraphBuilder, node: Node): boolean {
  const branch = knownBranch(b, node);
  if (branch === undefined) return false;
  const body = initializersAsConstants(branch);
  for (const inner of body.nodes) if (!inlineBranch(b, inner)) b.addNode(inner);
  node.outputs.forEach((name, i) => {
    if (name !== '') b.node('Identity', [b.value(body.outputs[i]!.name)], {}, [name]);
  });
  return true;
}

function knownBranch(b: GraphBuilder, node: Node): Graph | undefined {
  if (node.op !== 'If' || node.domain !== '') return undefined;
  const condition = b.knownInts(b.value(node.inputs[0]!));
  if (!isStatic(condition) || condition.length !== 1) return undefined;
  return graphAttribute(node, condition[0] === 0 ? 'else_branch' : 'then_branch');
}
