import { bodiesOf } from '../graph/rewrite.ts';
import type { Graph, Model, ValueInfo } from '../graph/types.ts';
import type { DecidedBranch } from './decideBranches.ts';
import { type Given, withGiven } from './given.ts';
import { inferredOutputs } from './inferredOutputs.ts';
import { inlineFunctions } from './inlineFunctions.ts';
import { simplify } from './simplify.ts';

/** A model for given values and sizes, and how it came about. */
export interface Specialized {
  /** Simplified as far as it goes. */
  readonly model: Model;
  /** The same before it was simplified. */
  readonly given: Model;
  /** Nodes but for constants, those of functions and bodies included, before and after. */
  readonly nodes: { readonly before: number; readonly after: number };
  /** Every `If` that was decided, in order. */
  readonly decided: readonly DecidedBranch[];
  /** `If` nodes that are left. */
  readonly undecided: number;
  /** Inputs that are left. */
  readonly inputs: readonly ValueInfo[];
}

/**
 * The model for these values of inputs, which disappear, and these sizes: constants are folded, conditions decided,
 * shapes fixed, until nothing more follows. Throws a UsageError for what the model does not have or what does not fit.
 * @example specialize(model, { sizes: { batch: 1 } }).model
 */
export function specialize(model: Model, given: Given = {}): Specialized {
  const inlined = inlineFunctions(model);
  const bound = withGiven(inlined, given);
  const decided: DecidedBranch[] = [];
  const simple = simplify(bound, { all: true, onDecided: (each) => decided.push(each) });
  const graph = { ...simple.graph, outputs: inferredOutputs(simple.graph) };
  return {
    model: { ...simple, graph },
    given: bound,
    nodes: { before: countNodes(inlined.graph, isNoConstant), after: countNodes(graph, isNoConstant) },
    decided,
    undecided: countNodes(graph, ({ op }) => op === 'If'),
    inputs: graph.inputs,
  };
}

const isNoConstant = ({ op }: Graph['nodes'][number]) => op !== 'Constant';

/** Nodes of a kind in a graph and in those inside. */
function countNodes(graph: Graph, counts: (node: Graph['nodes'][number]) => boolean): number {
  return graph.nodes.reduce((sum, node) => {
    const inside = bodiesOf(node).reduce((n, body) => n + countNodes(body, counts), 0);
    return sum + inside + (counts(node) ? 1 : 0);
  }, 0);
}
