import type { Model } from '../graph/types.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';

/** What is said of a trained model that is no fresh one with other weights. */
export const AS_IT_IS =
  'the model of --init is not the one of the configuration: it is trained as it is, without dropout';

/**
 * A fresh model, which has the dropout that files lack, with the weights of a trained one; undefined where their
 * operators or sizes differ.
 */
export function withWeightsOf(fresh: Model, trained: Model): Model | undefined {
  const { initializers } = trained.graph;
  const fits =
    operatorsOf(fresh) === operatorsOf(trained) &&
    [...fresh.graph.initializers].every(([name, { dims }]) => initializers.get(name)?.dims.join() === dims.join());
  return fits ? { ...fresh, graph: { ...fresh.graph, initializers } } : undefined;
}

/** The operators of a model as it is used: models of the same cells and sizes may differ in how they pool. */
function operatorsOf(model: Model): string {
  return withoutDropout(model)
    .graph.nodes.map((node) => node.op)
    .join();
}
