import { isKnown } from '../graph/operators.ts';
import { mapBodies } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';

/*
 * What a file says of values in between may be stale, wrong, or there twice. Only what cannot be inferred is worth
 * keeping: the types of what operators give that nobody knows here.
 */

/** The graph and its bodies without types of values in between, but for those that operators give that nobody knows. */
export function withoutValueInfo(graph: Graph): Graph {
  const unknown = new Set(graph.nodes.filter((node) => !isKnown(node)).flatMap((node) => node.outputs));
  const nodes = graph.nodes.map((node) => mapBodies(node, withoutValueInfo));
  const { valueInfo, valueExtras, otherValueInfo: _, ...rest } = graph;
  const kept = [...(valueInfo ?? [])].filter(([name]) => unknown.has(name));
  const extras = [...(valueExtras ?? [])].filter(([name]) => unknown.has(name));
  return {
    ...rest,
    nodes,
    ...(kept.length > 0 && { valueInfo: new Map(kept) }),
    ...(extras.length > 0 && { valueExtras: new Map(extras) }),
  };
}
