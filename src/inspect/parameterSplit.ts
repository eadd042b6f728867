import { isFloat } from '../graph/elementTypes.ts';
import { numbersOf } from '../graph/numbers.ts';
import { isLookup, isLoop, isRecurrent } from '../graph/operators.ts';
import { producers, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Parameters of a part of a model. */
export interface ParameterCount {
  readonly stored: number;
  readonly nonzero: number;
}

/** Where a model's parameters are. */
export interface ParameterSplit {
  /** Tables that are looked up; a table that is the output's matrix too counts here. */
  readonly embedding: ParameterCount;
  /** What recurrent layers read, and everything between them and the input. */
  readonly recurrent: ParameterCount;
  /** Everything after the last recurrent layer. */
  readonly output: ParameterCount;
}

/** Splits the initializers of a model into embedding, recurrent layers (operators and loops) and output. */
export function splitParameters(graph: Graph): ParameterSplit {
  const tables = new Set(graph.nodes.flatMap((node) => (isLookup(node) ? node.inputs.slice(0, 1) : [])));
  const recurrent = readBefore(graph, (node) => isRecurrent(node) || isLoop(node));
  const counts = {
    embedding: { stored: 0, nonzero: 0 },
    recurrent: { stored: 0, nonzero: 0 },
    output: { stored: 0, nonzero: 0 },
  };
  for (const [name, tensor] of graph.initializers) {
    const values = isFloat(tensor.elementType) ? numbersOf(tensor) : undefined;
    if (values === undefined) continue;
    const part = counts[tables.has(name) ? 'embedding' : recurrent.has(name) ? 'recurrent' : 'output'];
    part.stored += values.length;
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) part.nonzero++;
  }
  return counts;
}

/** Names of all values that some of the nodes depend on. */
function readBefore(graph: Graph, isWanted: (node: Node) => boolean): Set<string> {
  const made = producers(graph.nodes);
  const found = new Set<string>();
  const queue = graph.nodes.filter(isWanted).flatMap(usedNames);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    const maker = made.get(name);
    if (maker) queue.push(...usedNames(maker));
  }
  return found;
}
