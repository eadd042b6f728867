import { isRecurrent, movesAll } from '../graph/operators.ts';
import { bodiesOf, producers } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';
import { isBidirectional, WEIGHT_INPUTS } from '../recurrent/directions.ts';
import { foldConstants } from './foldConstants.ts';
import { storedRoots } from './storedRoots.ts';

/**
 * Stores weights that a graph computes from stored tensors, bodies included: those of recurrent operators (PyTorch's
 * exporter puts gates in another order by Slice, Concat), and all that DequantizeLinear makes of integers, which is
 * exact. What is just put together stays, but for operators of two directions, which are parted only when weights are
 * stored.
 */
export function storeWeights(graph: Graph): Graph {
  const wanted = wantedIn(graph, undefined);
  return wanted.length === 0 ? graph : foldConstants(graph, { wanted: new Set(wanted) });
}

/** What is known of values of a graph and of those around it. */
interface Known {
  readonly isStored: (name: string) => boolean;
  readonly madeBy: (name: string) => Node | undefined;
}

function wantedIn(graph: Graph, outer: Known | undefined): string[] {
  const [stored, made] = [storedHere(graph), producers(graph.nodes)];
  const known: Known = {
    isStored: (name) => stored.has(name) || (outer?.isStored(name) ?? false),
    madeBy: (name) => made.get(name) ?? outer?.madeBy(name),
  };
  return graph.nodes.flatMap((node) => [
    ...(isRecurrent(node) ? computedWeights(node, known) : []),
    ...(isDequantized(node, known) ? node.outputs : []),
    ...bodiesOf(node).flatMap((body) => wantedIn(body, known)),
  ]);
}

function computedWeights(node: Node, known: Known): string[] {
  const names = WEIGHT_INPUTS.flatMap((i) => node.inputs[i] || []).filter((name) => !known.isStored(name));
  return isBidirectional(node) ? names : names.filter((name) => !isJoined(name, known));
}

function isDequantized({ op, domain, inputs }: Node, { isStored, madeBy }: Known): boolean {
  const roots = () => inputs.filter((name) => name !== '').flatMap((name) => storedRoots(name, madeBy));
  return op === 'DequantizeLinear' && domain === '' && roots().every(isStored);
}

/** True for a value that is stored tensors put together. */
function isJoined(name: string, { isStored, madeBy }: Known): boolean {
  const seen = new Set<string>();
  const todo = [name];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const node = madeBy(at);
    if (isStored(at) || seen.has(at) || node === undefined) continue;
    // Units are followed through these operators, and they spell out no size.
    const joins = node.op === 'Concat' || (movesAll(node) && node.op !== 'Reshape');
    if (node.domain !== '' || !joins) return false;
    seen.add(at);
    todo.push(...node.inputs);
  }
  return true;
}
