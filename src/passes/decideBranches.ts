import { graphAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { nodeTitle } from '../graph/names.ts';
import {
  bodiesOf,
  finishRewrite,
  initializersAsConstants,
  mapBodies,
  startRewrite,
  withoutInputShapes,
} from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Which branch of an `If` has taken its place. */
export interface DecidedBranch {
  /** What the node was called. */
  readonly name: string;
  readonly branch: 'then_branch' | 'else_branch';
}

/**
 * Puts the branch of every `If` whose condition is known in its place, also in bodies of loops and in branches that
 * stay. Exporters write conditions on shapes (PyTorch's `squeeze`), which are decided as soon as the sizes are bound.
 * Values in bodies must have names of their own (`uniqueNames`). A graph in which nothing is decided is returned as it is.
 */
export function inlineBranches(graph: Graph, onDecided: (decided: DecidedBranch) => void = () => {}): Graph {
  return hasBranches(graph) ? decideIn(graph, onDecided) : graph;
}

function hasBranches(graph: Graph): boolean {
  return graph.nodes.some((node) => node.op === 'If' || bodiesOf(node).some(hasBranches));
}

function decideIn(graph: Graph, onDecided: (decided: DecidedBranch) => void, outer?: GraphBuilder): Graph {
  const b = startRewrite(outer ? withoutInputShapes(graph) : graph, { outer });
  let changed = false;
  const visit = (node: Node): void => {
    const decided = knownBranch(b, node);
    if (decided === undefined) {
      const inside = mapBodies(node, (body) => {
        const rewritten = decideIn(body, onDecided, b);
        changed ||= rewritten !== body;
        return rewritten;
      });
      b.addNode(inside);
      return;
    }
    changed = true;
    onDecided({ name: nodeTitle(node), branch: decided.branch });
    const body = initializersAsConstants(decided.body);
    for (const inner of body.nodes) visit(inner);
    node.outputs.forEach((name, i) => {
      if (name !== '') b.node('Identity', [b.value(body.outputs[i]!.name)], {}, [name]);
    });
  };
  for (const node of graph.nodes) visit(node);
  return changed ? { ...finishRewrite(b, graph), inputs: graph.inputs } : graph;
}

function knownBranch(b: GraphBuilder, node: Node): (Pick<DecidedBranch, 'branch'> & { body: Graph }) | undefined {
  if (node.op !== 'If' || node.domain !== '') return undefined;
  const condition = b.knownInts(b.value(node.inputs[0]!));
  if (!isStatic(condition) || condition.length !== 1) return undefined;
  const branch = condition[0] === 0 ? 'else_branch' : 'then_branch';
  const body = graphAttribute(node, branch);
  return body && { branch, body };
}
