import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { knownTypes } from '../../graph/infer/infer.ts';
import { movesAll, traits } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import type { Dim, Graph, Node } from '../../graph/types.ts';

/**
 * The operator that makes the elements of an output, and the nodes that move them afterwards, in order; a reduction over
 * axes of size 1 only moves.
 */
export function ending(graph: Graph, output: string) {
  const made = producers(graph.nodes);
  const moves: Node[] = [];
  let value = output;
  let activation = made.get(value);
  while (activation !== undefined && (movesAll(activation) || reducesNothing(graph, activation))) {
    moves.unshift(activation);
    value = activation.inputs[0]!;
    activation = made.get(value);
  }
  return { activation, moves, value };
}

function reducesNothing(graph: Graph, node: Node): boolean {
  if (!traits(node).keepsSingle) return false;
  const { inputs, outputs } = node;
  const [from, to] = [inputs[0]!, outputs[0]!].map((name) => knownTypes(graph).type(name)?.shape);
  const withoutOnes = (shape: readonly Dim[]) => shape.filter((dim) => dim !== 1).join();
  return from !== undefined && to !== undefined && withoutOnes(from) === withoutOnes(to);
}

/** Another value moved in the same way. */
export function moved(b: GraphBuilder, value: Value, moves: readonly Node[]): Value {
  return moves.reduce((x, node) => {
    const others = node.inputs.slice(1).map((name) => (name === '' ? undefined : b.value(name)));
    return b.node(node.op, [x, ...others], node.attributes)[0]!;
  }, value);
}
