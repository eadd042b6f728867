import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { movesAll } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import type { Graph, Node } from '../../graph/types.ts';

/** The operator that makes the elements of an output, and the nodes that move them afterwards, in order. */
export function ending(graph: Graph, output: string) {
  const made = producers(graph.nodes);
  const moves: Node[] = [];
  let value = output;
  let activation = made.get(value);
  while (activation !== undefined && movesAll(activation)) {
    moves.unshift(activation);
    value = activation.inputs[0]!;
    activation = made.get(value);
  }
  return { activation, moves, value };
}

/** Another value moved in the same way. */
export function moved(b: GraphBuilder, value: Value, moves: readonly Node[]): Value {
  return moves.reduce((x, node) => {
    const others = node.inputs.slice(1).map((name) => (name === '' ? undefined : b.value(name)));
    return b.node(node.op, [x, ...others], node.attributes)[0]!;
  }, value);
}
