import { storedHere } from '../graph/stored.ts';
import type { Graph } from '../graph/types.ts';
import { foldConstants } from './foldConstants.ts';
import { storeWeights } from './storeWeights.ts';

/**
 * Stores weights as their readers take them: those of fewer bits, which Cast, Mul and DequantizeLinear make whole, and
 * what recurrent operators read. The file may grow for it.
 */
export function wholeWeights(graph: Graph): Graph {
  const wanted = unpackedNames(graph);
  return storeWeights(wanted.size === 0 ? graph : foldConstants(graph, { wanted }));
}

/** Values that are stored tensors in another type, and their products with stored scales. */
function unpackedNames(graph: Graph): Set<string> {
  const stored = storedHere(graph);
  const found = new Set<string>();
  for (const { op, domain, inputs, outputs } of graph.nodes) {
    const isCast = op === 'Cast' && stored.has(inputs[0]!);
    const isScaled = op === 'Mul' && inputs.some((name) => found.has(name));
    const isKnown = inputs.every((name) => found.has(name) || stored.has(name));
    if (domain === '' && (isCast || isScaled) && isKnown) found.add(outputs[0]!);
  }
  return found;
}
