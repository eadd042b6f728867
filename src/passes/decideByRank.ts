import { constantNode } from '../graph/attributes.ts';
import { ShapeError } from '../graph/infer/context.ts';
import { inferTypes } from '../graph/infer/infer.ts';
import { Names } from '../graph/names.ts';
import type { Graph, Model, Node } from '../graph/types.ts';
import { simplify } from './simplify.ts';

/** Graphs with more branches of this kind are left alone: each trial simplifies the whole graph. */
const MOST_BRANCHES = 12;

/**
 * Decides each `If` whose branches give different numbers of axes and of which one cannot run: with it, an operator
 * further on would get a number of axes that it does not take (an LSTM whose steps must be three axes). Takes a model
 * that is simplified, and returns it as it is where nothing is decided.
 */
export function decideByRank(model: Model): Model {
  let now = model;
  for (let found: Model | undefined = now; found !== undefined; found = decidedOnce(now)) now = found;
  return now;
}

function decidedOnce(model: Model): Model | undefined {
  if (!model.graph.nodes.some((node) => node.op === 'If')) return undefined;
  const typeOf = inferTypes(model.graph);
  const isOpen = (name: string) => name !== '' && typeOf(name)?.shape === undefined;
  const open = model.graph.nodes.filter((n) => n.op === 'If' && n.domain === '' && n.outputs.some(isOpen));
  if (open.length > MOST_BRANCHES) return undefined;
  for (const node of open) {
    const [taken, otherwise] = [1, 0].map((value) => withCondition(model, node, value));
    if ((taken === undefined) !== (otherwise === undefined)) return taken ?? otherwise;
  }
  return undefined;
}

/** The model with one branch of an If; undefined where its operators do not fit then. */
function withCondition(model: Model, node: Node, value: number): Model | undefined {
  const names = new Names();
  names.addGraph(model.graph);
  const name = names.unique(`${node.outputs[0]}.condition`);
  const known = constantNode(name, { elementType: 'bool', dims: [], data: Uint8Array.of(value) });
  const nodes = model.graph.nodes.flatMap((n) => (n === node ? [known, { ...n, inputs: [name] }] : [n]));
  const graph: Graph = { ...model.graph, nodes };
  try {
    return simplify({ ...model, graph });
  } catch (error) {
    if (error instanceof ShapeError) return undefined;
    throw error;
  }
}
