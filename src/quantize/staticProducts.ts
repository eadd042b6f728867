import { isLoop } from '../graph/operators.ts';
import { bodiesOf, producers, useCounts } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';

/** A product of an activation with a stored weight, and the two values that are rounded around it. */
export interface StaticProduct {
  readonly node: Node;
  /** What goes in. */
  readonly data: string;
  /** What comes out: behind a Relu or Clip where nothing else reads the product. */
  readonly result: string;
}

/** The products of a graph that accelerators compute with whole numbers; those in loops, too, but none in branches. */
export function staticProducts(
  graph: Graph,
  isStoredOutside: (name: string) => boolean = () => false,
): StaticProduct[] {
  const [stored, made, uses] = [storedHere(graph), producers(graph.nodes), useCounts(graph)];
  const isStored = (name: string): boolean => {
    const maker = made.get(name);
    const isTurned = maker?.op === 'Transpose' && maker.domain === '' && isStored(maker.inputs[0]!);
    return isTurned || stored.has(name) || isStoredOutside(name);
  };
  const activation = (name: string) => {
    if (uses.get(name) !== 1) return undefined;
    return graph.nodes.find((node) => node.inputs[0] === name && isLimit(node))?.outputs[0];
  };
  return graph.nodes.flatMap((node) => {
    if (isLoop(node)) return bodiesOf(node).flatMap((body) => staticProducts(body, isStored));
    const [data, weight] = node.inputs;
    if (!isProduct(node) || !isStored(weight!) || isStored(data!)) return [];
    const output = node.outputs[0]!;
    return [{ node, data: data!, result: activation(output) ?? output }];
  });
}

function isProduct({ op, domain }: Node): boolean {
  return domain === '' && (op === 'MatMul' || op === 'Gemm' || op === 'Conv');
}

/** An activation that is nothing but the limits of what a whole number stands for. */
function isLimit({ op, domain }: Node): boolean {
  return domain === '' && (op === 'Relu' || op === 'Clip');
}
