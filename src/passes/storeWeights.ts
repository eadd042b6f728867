import { isRecurrent, movesAll } from '../graph/operators.ts';
import { producers } from '../graph/rewrite.ts';
import { storedHere } from '../graph/stored.ts';
import type { Graph, Node } from '../graph/types.ts';
import { isBidirectional, WEIGHT_INPUTS } from '../recurrent/directions.ts';
import { foldConstants } from './foldConstants.ts';

/** True for an operator that puts tensors together as they are: units are followed through it, and it spells out no size. */
function joins(node: Node): boolean {
  return node.op === 'Concat' || (movesAll(node) && node.op !== 'Reshape');
}

/**
 * The same graph with the weights of recurrent operators stored in the form in which these take them. Exporters compute
 * them: PyTorch's puts the gates of its weights in ONNX's order by Slice and Concat. Only where that helps: what is
 * just put together stays as it is, but for operators of two directions, which can be parted only when their weights
 * are stored.
 */
export function storeWeights(graph: Graph): Graph {
  const stored = storedHere(graph);
  const made = producers(graph.nodes);
  const wanted = graph.nodes.filter(isRecurrent).flatMap((node) => {
    const names = WEIGHT_INPUTS.flatMap((i) => node.inputs[i] || []).filter((name) => !stored.has(name));
    return isBidirectional(node) ? names : names.filter((name) => !isJoined(name, made, stored));
  });
  return wanted.length === 0 ? graph : foldConstants(graph, { wanted: new Set(wanted) });
}

/** True for a value that is stored tensors put together. */
function isJoined(name: string, made: ReadonlyMap<string, Node>, stored: ReadonlyMap<string, unknown>): boolean {
  const seen = new Set<string>();
  const todo = [name];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const node = made.get(at);
    if (stored.has(at) || seen.has(at) || node === undefined) continue;
    if (node.domain !== '' || !joins(node)) return false;
    seen.add(at);
    todo.push(...node.inputs);
  }
  return true;
}
