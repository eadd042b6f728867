import type { Graph } from '../graph/types.ts';

/**
 * Applies a pass that takes initializers for known to a graph in which a caller may give others: initializers that the
 * graph lists among its inputs are inputs while it runs. A graph that the pass returns as it is comes back as it is.
 */
export function withoutOverridable(graph: Graph, pass: (graph: Graph) => Graph): Graph {
  const open = overridable(graph);
  if (open.size === 0) return pass(graph);
  const infos = graph.listedInitializers!.map(({ info }) => info).filter(({ name }) => open.has(name));
  const initializers = new Map([...graph.initializers].filter(([name]) => !open.has(name)));
  const given = { ...graph, inputs: [...graph.inputs, ...infos], initializers };
  const changed = pass(given);
  if (changed === given) return graph;
  const kept = [...graph.initializers].filter(([name]) => open.has(name) || changed.initializers.has(name));
  return { ...changed, inputs: graph.inputs, initializers: new Map([...kept, ...changed.initializers]) };
}

/** Initializers that a caller may override. Up to version 3 of the format all must be listed, which then says nothing. */
export function overridable({ initializers, listedInitializers = [] }: Graph): Set<string> {
  const listed = listedInitializers.map(({ info }) => info.name).filter((name) => initializers.has(name));
  return new Set(listed.length === initializers.size ? [] : listed);
}
