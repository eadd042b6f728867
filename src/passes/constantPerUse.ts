import { constantTensor } from '../graph/attributes.ts';
import { isFloat } from '../graph/elementTypes.ts';
import { mapBodies, renameInputs, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node, Tensor } from '../graph/types.ts';

/*
 * A constant is a value, not a shared parameter: the same zeros may stand beside two layers that shrink differently.
 * So each node that uses a constant gets one of its own while identities are followed and weights are sliced.
 */

/**
 * Copies every float `Constant` of several entries that more than one node uses: the first user keeps the name, the
 * others get `name#1`, `name#2`, …; bodies of loops included. Values and names of everything else stay.
 */
export function constantPerUse(graph: Graph): Graph {
  const constants = new Map<string, Node>();
  const uses = new Map<string, number>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const tensor = constantTensor(node);
    if (tensor && isShared(tensor)) constants.set(node.outputs[0]!, node);
    const renamed = new Map<string, string>();
    for (const name of new Set(usedNames(node))) {
      const constant = constants.get(name);
      if (constant === undefined) continue;
      const count = uses.get(name) ?? 0;
      uses.set(name, count + 1);
      if (count === 0) continue;
      const copy = `${name}#${count}`;
      renamed.set(name, copy);
      nodes.push({ ...constant, name: copy, outputs: [copy] });
    }
    nodes.push(mapBodies(renameInputs(node, renamed), constantPerUse));
  }
  return { ...graph, nodes };
}

/** Makes constants of the same tensor one again: what `constantPerUse` copied and nothing changed since. */
export function mergeConstants(graph: Graph): Graph {
  const first = new Map<Tensor, string>();
  const renamed = new Map<string, string>();
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const value = node.op === 'Constant' ? node.attributes.value : undefined;
    if (value?.type === 'tensor' && node.outputs[0]!.includes('#')) {
      const found = first.get(value.value);
      if (found !== undefined) {
        renamed.set(node.outputs[0]!, found);
        return [];
      }
    }
    if (value?.type === 'tensor') first.set(value.value, node.outputs[0]!);
    return [mapBodies(renameInputs(node, renamed), mergeConstants)];
  });
  return { ...graph, nodes };
}

function isShared(tensor: Tensor): boolean {
  return isFloat(tensor.elementType) && tensor.data.length > 1;
}
