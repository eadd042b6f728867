import { intAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { isBroadcasting } from '../graph/operators.ts';
import type { Dim, Graph, Node } from '../graph/types.ts';

/**
 * Names of free dimensions that must have one size because they meet in an operator: a function from each name to one
 * that stands for all of its kind. Files that leave dimensions open give each a name of its own.
 */
export function equalDims(graph: Graph): (name: string) => string {
  const types = knownTypes(graph);
  const parents = new Map<string, string>();
  const find = (name: string): string => {
    let at = name;
    for (let next = parents.get(at); next !== undefined; next = parents.get(at)) at = next;
    return at;
  };
  for (const node of graph.nodes) {
    const shapes = node.inputs.map((name) => types.type(name)?.shape ?? []);
    for (const names of meetings(node, shapes)) {
      const [first, ...others] = names.map(find);
      for (const other of others) if (find(other) !== find(first!)) parents.set(find(other), find(first!));
    }
  }
  return find;
}

/** Lists of names that stand at the same place of a node's inputs. */
function meetings(node: Node, shapes: readonly (readonly Dim[])[]): string[][] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  // Negative: broadcasting aligns shapes at the right.
  const places = Array.from({ length: rank }, (_, i) => i - rank);
  const at = (place: number) => shapes.map((shape) => shape.at(place)).filter((dim) => typeof dim === 'string');
  if (isBroadcasting(node)) return places.map(at);
  if (node.op !== 'Concat' || node.domain !== '') return [];
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), rank);
  return places.filter((place) => place + rank !== axis).map(at);
}
