import { inferWhatFits, Scope } from '../graph/infer/infer.ts';
import type { Graph, Node } from '../graph/types.ts';
import { fits } from './randomInputs.ts';

/** More Ifs than this are not looked into one by one. */
const MOST_IFS = 64;

/**
 * The branches that each If of a graph may take, those in loops and branches included: not those that a known condition
 * rules out, nor those with which the operators behind them do not fit, so that the model runs on no input there.
 */
export function possibleBranches(graph: Graph): ReadonlyMap<Node, ReadonlySet<string>> {
  const possible = new Map<Node, Set<string>>();
  const onBranch = (node: Node, taken: readonly string[]) => {
    possible.set(node, new Set([...(possible.get(node) ?? []), ...taken]));
  };
  inferWhatFits(narrowed(graph), new Scope(undefined, { onBranch }));
  // Ifs with one branch that fits were replaced.
  for (const node of graph.nodes)
    if (node.op === 'If' && !possible.has(node)) possible.set(node, onlyOf(node, possible));
  return possible;
}

function onlyOf(node: Node, possible: ReadonlyMap<Node, ReadonlySet<string>>): Set<string> {
  const replaced = [...possible.keys()].find(({ op, outputs }) => op === 'If' && outputs === node.outputs);
  return new Set(replaced ? Object.keys(replaced.attributes) : Object.keys(node.attributes));
}

/** A graph whose Ifs have only the branches with which all that is known of shapes fits. */
function narrowed(graph: Graph): Graph {
  const ifs = graph.nodes.filter((node) => node.op === 'If' && node.domain === '');
  if (ifs.length === 0 || ifs.length > MOST_IFS || !fits(graph)) return graph;
  let narrow = graph;
  for (const node of ifs) {
    const options = (['then_branch', 'else_branch'] as const).flatMap((branch) => {
      const value = node.attributes[branch];
      const only = { ...node, attributes: value ? { [branch]: value } : {} };
      const nodes = narrow.nodes.map((other) => (other === node ? only : other));
      return value ? [{ ...narrow, nodes }] : [];
    });
    const fitting = options.filter((option) => fits(option));
    if (fitting.length === 1) narrow = fitting[0]!;
  }
  return narrow;
}
