import { constantTensor } from '../graph/attributes.ts';
import { finishRewrite, producers, replaceWith, startRewrite, usedNames } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** A parameter as a graph takes it. */
export interface FedParameter {
  readonly name: string;
  /** Dimensions of the feed: the stored ones, without a leading axis of size 1 where the graph drops it. */
  readonly dims: readonly number[];
}

/**
 * Makes every initializer (named in `trained`, if given) an input. A recurrent operator's W [1, GH, I] is fed as the
 * matrix [GH, I], so that its gradient needs no copy to get its axis back. Initializers that stay are no inputs any more,
 * so that the engine may count on them.
 */
export function parametersAsInputs(
  { listedInitializers: _, ...graph }: Graph,
  trained?: ReadonlySet<string>,
): { graph: Graph; parameters: FedParameter[] } {
  const isFed = (name: string) => trained === undefined || trained.has(name);
  const squeezed = onlySqueezed(graph);
  const parameters: FedParameter[] = [];
  const b = startRewrite({ ...graph, initializers: new Map([...graph.initializers].filter(([name]) => !isFed(name))) });
  for (const [name, tensor] of graph.initializers) {
    if (!isFed(name)) continue;
    const dims = squeezed.has(name) ? tensor.dims.slice(1) : tensor.dims;
    b.input(name, tensor.elementType, dims);
    parameters.push({ name, dims });
  }
  for (const node of graph.nodes) {
    const [first = ''] = node.inputs;
    if (squeezed.has(first) && isFed(first)) replaceWith(b, node, b.value(first));
    else b.addNode(node);
  }
  return { graph: finishRewrite(b, graph), parameters };
}

/** Initializers of which the graph uses nothing but what is left without their first axis, which has size 1. */
function onlySqueezed(graph: Graph): Set<string> {
  const made = producers(graph.nodes);
  const used = new Set<string>();
  const usedWhole = new Set(graph.outputs.map((o) => o.name));
  for (const node of graph.nodes) {
    for (const name of usedNames(node)) {
      used.add(name);
      if (name !== node.inputs[0] || !dropsFirstAxis(node, made)) usedWhole.add(name);
    }
  }
  const names = [...graph.initializers.keys()].filter((name) => used.has(name) && !usedWhole.has(name));
  return new Set(names.filter((name) => graph.initializers.get(name)!.dims[0] === 1));
}

/** True for a Squeeze of the first axis alone. */
function dropsFirstAxis(node: Node, made: ReadonlyMap<string, Node>): boolean {
  const maker = made.get(node.inputs[1] ?? '');
  const axes = maker && constantTensor(maker)?.data;
  return node.op === 'Squeeze' && axes?.length === 1 && Number(axes[0]) === 0;
}
