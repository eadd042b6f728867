import { moves, traits } from '../graph/operators.ts';
import { producers } from '../graph/rewrite.ts';
import type { Graph, Model } from '../graph/types.ts';

/** Absolute error of a probability that engines make: a few of the smallest steps of float32 below 1. */
export const PROBABILITY_ERROR = 3e-7;

/**
 * The outputs of a graph that are probabilities, each with the value that they are computed from (the logits). Small
 * probabilities say little of what lies before them: ONNX Runtime's own are off by a few 1e-8, whatever their size.
 */
export function probabilitiesOf(graph: Graph): ReadonlyMap<string, string> {
  const makers = producers(graph.nodes);
  const found = new Map<string, string>();
  for (const { name } of graph.outputs) {
    let maker = makers.get(name);
    while (maker !== undefined && moves(maker)) maker = makers.get(maker.inputs[0]!);
    if (maker !== undefined && traits(maker).probability) found.set(name, maker.inputs[0]!);
  }
  return found;
}

/** A model with some of its values among the outputs as well; those that it does not compute are left out. */
export function withOutputs(model: Model, names: Iterable<string>): Model {
  const { graph } = model;
  const outputs = new Set(graph.outputs.map((v) => v.name));
  const computed = producers(graph.nodes);
  const added = [...new Set(names)].filter((name) => computed.has(name) && !outputs.has(name));
  if (added.length === 0) return model;
  const infos = added.map((name) => ({ name, type: { elementType: 'float32', shape: undefined } as const }));
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, ...infos] } };
}
