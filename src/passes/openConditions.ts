import { nodeTitle } from '../graph/names.ts';
import { allNodes, bodiesOf, producers } from '../graph/rewrite.ts';
import type { Graph, Model, Node } from '../graph/types.ts';
import { simplify } from './simplify.ts';

/** Conditions that the sizes of inputs decide, and the free dimensions of which some are theirs. */
export interface OpenConditions {
  /** Names of the `If` nodes. */
  readonly names: readonly string[];
  /** Free dimensions of the inputs. */
  readonly dims: readonly string[];
}

/** What is left to decide in a model by sizes alone; undefined where nothing is. */
export function openConditions(model: Model): OpenConditions | undefined {
  if (!allNodes(model.graph).some((node) => node.op === 'If')) return undefined;
  const { graph } = simplify(model);
  const names = namesIn(graph, { madeBy: () => undefined, isStored: () => false });
  const free = graph.inputs.flatMap(({ type }) => type.shape ?? []).filter((d) => typeof d === 'string');
  return names.length === 0 || free.length === 0 ? undefined : { names, dims: [...new Set(free)] };
}

/** Values of a graph and of those around it. */
interface Known {
  readonly madeBy: (name: string) => Node | undefined;
  readonly isStored: (name: string) => boolean;
}

function namesIn(graph: Graph, outer: Known): string[] {
  const made = producers(graph.nodes);
  const known: Known = {
    madeBy: (name) => made.get(name) ?? outer.madeBy(name),
    isStored: (name) => graph.initializers.has(name) || outer.isStored(name),
  };
  return graph.nodes.flatMap((node) => [
    ...(node.op === 'If' && isOfSizes(node.inputs[0] ?? '', known) ? [nodeTitle(node)] : []),
    ...bodiesOf(node).flatMap((body) => namesIn(body, known)),
  ]);
}

/** True for a value that is computed from sizes and constants alone. */
function isOfSizes(name: string, { madeBy, isStored }: Known): boolean {
  const seen = new Set<string>();
  const todo = [name];
  let meetsSize = false;
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (at === '' || seen.has(at) || isStored(at)) continue;
    seen.add(at);
    const node = madeBy(at);
    if (node === undefined) return false;
    if (node.op === 'Shape' || node.op === 'Size') meetsSize = true;
    else todo.push(...node.inputs);
  }
  return meetsSize;
}
