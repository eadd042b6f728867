import { attributesText } from '../graph/attributes.ts';
import { canEvaluate } from '../graph/evaluate/evaluate.ts';
import { renameInputs } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';

/** A graph, and the values of another one that others stand for in it. */
export interface SharedConstants {
  readonly graph: Graph;
  readonly renamed: ReadonlyMap<string, string>;
}

/**
 * The same graph, in which wanted nodes that compute the same from the same stored tensors are one node, and none is
 * the Identity of such a value. So tensors that were shared are so still when these values are stored themselves.
 */
export function shareConstants(graph: Graph, isWanted: (node: Node) => boolean): SharedConstants {
  const stored = new Set(storedHere(graph).keys());
  const outputs = new Set(graph.outputs.map((o) => o.name));
  const renamed = new Map<string, string>();
  const first = new Map<string, readonly string[]>();
  const nodes = graph.nodes.flatMap((given): Node[] => {
    const node = renameInputs(given, renamed);
    const isStored = node.inputs.length > 0 && node.inputs.every((name) => name === '' || stored.has(name));
    if (!isWanted(given) || !canEvaluate(node) || !isStored) return [node];
    for (const name of node.outputs) stored.add(name);
    if (node.outputs.some((name) => outputs.has(name))) return [node];
    const key = JSON.stringify([node.op, node.inputs, node.outputs.length, attributesText(node)]);
    const same = node.op === 'Identity' ? node.inputs : first.get(key);
    if (same === undefined) {
      first.set(key, node.outputs);
      return [node];
    }
    for (const [i, name] of node.outputs.entries()) renamed.set(name, same[i]!);
    return [];
  });
  return { graph: renamed.size === 0 ? graph : { ...graph, nodes }, renamed };
}
