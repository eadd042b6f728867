import { intAttribute } from '../../graph/attributes.ts';
import { normalizeAxis } from '../../graph/dims.ts';
import { producers } from '../../graph/rewrite.ts';
import type { Graph } from '../../graph/types.ts';
import { flatten, movesStates } from './parts.ts';
import { Place } from './place.ts';

/** The results of Concat that put the parts of an output together along one of its axes, however they are moved then. */
export function stackingConcats(graph: Graph, output: string, axis: number): string[] {
  const { nodes, stored } = flatten(graph);
  const made = producers(nodes);
  const rank = graph.outputs.find((v) => v.name === output)?.type.shape?.length;
  if (rank === undefined) return [];
  const found = new Set<string>();
  const todo: [string, Place | undefined][] = [[output, Place.whole(rank)]];
  for (let step = todo.pop(); step !== undefined; step = todo.pop()) {
    const [name, place] = step;
    const node = made.get(name);
    if (node === undefined || node.domain !== '' || found.has(name)) continue;
    if (node.op === 'Concat') {
      if (place && normalizeAxis(intAttribute(node, 'axis', 0), place.rank) === place.axisOf(axis)) found.add(name);
      for (const input of node.inputs) todo.push([input, place]);
    } else if (movesStates(node)) todo.push([node.inputs[0]!, place?.before(node, stored)]);
  }
  return [...found];
}
