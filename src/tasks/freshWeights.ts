import type { Model } from '../graph/types.ts';
import { simplify } from '../passes/simplify.ts';
import { wholeWeights } from '../passes/wholeWeights.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';

/** What is said of a trained model that is no fresh one with other weights. */
export const AS_IT_IS =
  'the model of --init is not the one of the configuration: it is trained as it is, without dropout';

/**
 * A fresh model, which has the dropout that files lack, with the weights of a trained one, also where these are stored in
 * 16 bits and the graph has been simplified for it; undefined where operators or sizes differ.
 */
export function withWeightsOf(fresh: Model, given: Model): Model | undefined {
  const form = withoutDropout(fresh);
  const trained = { ...given, graph: wholeWeights(given.graph) };
  return withMatching(fresh, form, trained) ?? withMatching(fresh, simplify(form), simplify(trained));
}

/** The fresh model with the weights of a trained one that has the same form; what the form lacks stays as it is. */
function withMatching(fresh: Model, form: Model, trained: Model): Model | undefined {
  const { initializers } = trained.graph;
  const wanted = form.graph.initializers;
  const fits =
    operatorsOf(form) === operatorsOf(trained) &&
    [...wanted].every(([name, { dims }]) => initializers.get(name)?.dims.join() === dims.join());
  if (!fits) return undefined;
  const weights = [...fresh.graph.initializers].map(([name, own]): [string, typeof own] => [
    name,
    wanted.has(name) ? initializers.get(name)! : own,
  ]);
  return { ...fresh, graph: { ...fresh.graph, initializers: new Map(weights) } };
}

/** The operators of a model: models of the same cells and sizes may differ in how they pool. */
function operatorsOf({ graph }: Model): string {
  return graph.nodes.map((node) => node.op).join();
}
