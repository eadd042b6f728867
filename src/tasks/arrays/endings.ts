import type { GraphBuilder, Value } from '../../graph/builder.ts';
import { knownTypes } from '../../graph/infer/infer.ts';
import { movesAll } from '../../graph/operators.ts';
import { producers } from '../../graph/rewrite.ts';
import type { Graph, Node } from '../../graph/types.ts';

/** The operator that makes the elements of an output, and the nodes that move them afterwards, in order. */
export function ending(graph: Graph, output: string) {
  const made = producers(graph.nodes);
  const types = knownTypes(graph);
  const moves: Node[] = [];
  let value = output;
  let activation = made.get(value);
  while (activation !== undefined && (movesAll(activation) || reducesNothing(types, activation))) {
    moves.unshift(activation);
    value = activation.inputs[0]!;
    activation = made.get(value);
  }
  return { activation, moves, value };
}

/** Reductions that leave a single element as it is. */
const REDUCTIONS: ReadonlySet<string> = new Set(['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin']);

/** Whether a node reduces axes of size 1 alone, which moves elements like a Squeeze. */
function reducesNothing(types: ReturnType<typeof knownTypes>, { op, domain, inputs, outputs }: Node): boolean {
  if (domain !== '' || !REDUCTIONS.has(op)) return false;
  const [before, after] = [inputs[0]!, outputs[0]!].map((name) => types.type(name)?.shape?.filter((d) => d !== 1));
  return before !== undefined && before.join() === after?.join();
}

/** Another value moved in the same way. */
export function moved(b: GraphBuilder, value: Value, moves: readonly Node[]): Value {
  return moves.reduce((x, node) => {
    const others = node.inputs.slice(1).map((name) => (name === '' ? undefined : b.value(name)));
    return b.node(node.op, [x, ...others], node.attributes)[0]!;
  }, value);
}
