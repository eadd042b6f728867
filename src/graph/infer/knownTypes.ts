import { SlimError } from '../../base/errors.ts';
import type { Graph } from '../types.ts';
import { Scope } from './infer.ts';

const known = new WeakMap<Graph, Scope>();

/**
 * What is known of a graph's values: as `inferTypes`, but nodes that do not fit, and what depends on them, are passed
 * over rather than refused. For guesses at what a model's inputs are.
 */
export function knownTypes(graph: Graph): Scope {
  const found = known.get(graph);
  if (found) return found;
  const scope = new Scope();
  known.set(graph, scope);
  scope.declare(graph.valueInfo);
  for (const input of graph.inputs) scope.define(input.name, input.type);
  for (const [name, tensor] of graph.initializers) scope.defineTensor(name, tensor);
  for (const node of graph.nodes) {
    try {
      scope.defineNode(node);
    } catch (error) {
      if (!(error instanceof SlimError)) throw error;
    }
  }
  return scope;
}
