import { Names, nodeTitle } from '../graph/names.ts';
import { isLoop, isRecurrent } from '../graph/operators.ts';
import { allNodes, mapBodies } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/**
 * The same graph with a name of its own for each recurrent operator and loop: where several have the same, those in
 * loops and branches are called by their way (`if/then_branch/lstm`), and others get a number. Returned as it is when
 * there are none of the same name.
 */
export function nameLayers(graph: Graph): Graph {
  const counts = new Map<string, number>();
  for (const node of allNodes(graph)) {
    if (isLayer(node)) counts.set(nodeTitle(node), (counts.get(nodeTitle(node)) ?? 0) + 1);
  }
  const shared = new Set([...counts].filter(([, count]) => count > 1).map(([title]) => title));
  if (shared.size === 0) return graph;
  const names = new Names();
  for (const title of counts.keys()) if (!shared.has(title)) names.add(title);
  return named(graph, [], { shared, names });
}

/** Names that several have, and those that are taken. */
interface Naming {
  readonly shared: ReadonlySet<string>;
  readonly names: Names;
}

function named(graph: Graph, path: readonly string[], naming: Naming): Graph {
  const nodes = graph.nodes.map((node): Node => {
    const title = nodeTitle(node);
    const isShared = isLayer(node) && naming.shared.has(title);
    const name = isShared ? naming.names.unique([...path, title].join('/')) : node.name;
    return mapBodies({ ...node, name }, (body) => named(body, [...path, name || title, ...partOf(node, body)], naming));
  });
  return { ...graph, nodes };
}

function isLayer(node: Node): boolean {
  return isRecurrent(node) || isLoop(node);
}

/** Which of several bodies of a node a graph is, as part of a path. */
function partOf({ attributes }: Node, body: Graph): string[] {
  const graphs = Object.entries(attributes).filter(([, a]) => a.type === 'graph');
  const found = graphs.find(([, a]) => a.value === body);
  return graphs.length > 1 && found ? [found[0]] : [];
}
