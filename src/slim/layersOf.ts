import { intAttribute } from '../graph/attributes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { isRecurrent } from '../graph/operators.ts';
import { bodiesOf } from '../graph/rewrite.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import type { Graph } from '../graph/types.ts';
import { directionNames } from '../recurrent/directions.ts';
import type { ShrunkLayer } from './shrink.ts';

/** Units of the recurrent operators of a graph by the names of their layers, as its tensors have them: R [D, GH, H]. */
export function unitsIn(graph: Graph): Map<string, number> {
  const types = knownTypes(graph);
  const found = new Map<string, number>();
  for (const node of graph.nodes) {
    for (const body of bodiesOf(node)) for (const [name, units] of unitsIn(body)) found.set(name, units);
    if (!isRecurrent(node)) continue;
    const size = types.type(node.inputs[RECURRENT_INPUT.recurrent] ?? '')?.shape?.[2];
    const units = typeof size === 'number' ? size : intAttribute(node, 'hidden_size', 0);
    for (const name of directionNames(node)) found.set(name, units);
  }
  return found;
}

/** Layers as they stand in the model that was made, whatever was planned; cells that are spelled out, as planned. */
export function layersAsMade(planned: readonly ShrunkLayer[], made: Graph): ShrunkLayer[] {
  const units = unitsIn(made);
  return planned.map((layer) => ({ ...layer, after: units.get(layer.name) ?? layer.after }));
}
