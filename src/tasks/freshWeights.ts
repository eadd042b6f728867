import type { Model, Tensor } from '../graph/types.ts';
import { zeros } from '../nn/layers.ts';
import { simplify } from '../passes/simplify.ts';
import { withoutDropout } from '../passes/withoutDropout.ts';

/** What is said of a trained model that is no fresh one with other weights. */
export const AS_IT_IS =
  'the model of --init is not the one of the configuration: it is trained as it is, without dropout';

/**
 * A fresh model, which has the dropout that files lack, with the weights of a trained one, also where the graph of that one
 * has been simplified; undefined where operators or sizes differ.
 */
export function withWeightsOf(fresh: Model, trained: Model): Model | undefined {
  const form = withoutDropout(fresh);
  const filled = (model: Model) => withValuesOf(model, trained);
  return withMatching(fresh, form, trained) ?? withMatching(filled(fresh), simplify(filled(form)), simplify(trained));
}

/**
 * A model with the weights of a trained one, so that both are simplified alike, and zeros for those that it lacks: what is
 * zero and only added leaves when a model shrinks. Any other that it lacks stays in the simplified model, and fits no one.
 */
function withValuesOf(model: Model, { graph: { initializers: trained } }: Model): Model {
  const filled = (name: string, own: Tensor): Tensor => {
    const found = trained.get(name);
    if (found === undefined && own.elementType === 'float32') return zeros(own.dims);
    return found?.dims.join() === own.dims.join() ? found : own;
  };
  const initializers = [...model.graph.initializers].map(([name, own]): [string, Tensor] => [name, filled(name, own)]);
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } };
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

/** The operators of a model: models of the same cells and sizes may differ in how they pool. Constants may be shared or not. */
function operatorsOf({ graph }: Model): string {
  return graph.nodes.flatMap(({ op }) => (op === 'Constant' ? [] : [op])).join();
}
