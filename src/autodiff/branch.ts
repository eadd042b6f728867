import { graphAttribute } from '../graph/attributes.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { isStatic } from '../graph/dims.ts';
import { choose, fullLike, reshape, shapeOf } from '../graph/ops.ts';
import { capturedNames, initializersAsConstants, liveNodes, renameInputs } from '../graph/rewrite.ts';
import type { Graph } from '../graph/types.ts';
import { type GradientContext, type GradientRules, unsupported } from './rule.ts';

/*
 * The gradient of a branch is a branch: of y = c ? f(x) : g(x),
 *   dx = c ? fᵀ(dy) : gᵀ(dy).
 * Each side computes its forward values once more, so that the two need not give out the same ones.
 */

/** The gradients of the wanted outer values through one branch, in this order; zero where it does not read them. */
function backwardBranch(c: GradientContext, body: Graph, wanted: readonly string[]): Graph {
  const { builder } = c;
  const back = new GraphBuilder(builder.fresh(`${body.name}_gradient`), builder);
  const names = new Map<string, string>();
  for (const node of liveNodes(body.nodes, new Set(body.outputs.map((o) => o.name)))) {
    const outputs = node.outputs.map((name) => {
      if (name !== '') names.set(name, builder.fresh(name));
      return names.get(name) ?? '';
    });
    back.addNode({ ...renameInputs(node, names), name: builder.fresh(node.name || node.op), outputs });
  }
  const forward = [...back.nodes];
  const seeds = new Map<string, Value>();
  body.outputs.forEach(({ name }, i) => {
    const y = back.value(names.get(name) ?? name);
    const dy = c.gradients[i];
    // Branches may differ in what is known of their shapes, and in the shapes.
    if (dy !== undefined) seeds.set(y.name, sameShape(y, dy) ? dy : inShapeOf(back.value(dy.name), y));
  });
  const found = c.backpropagate(back, forward, seeds, wanted);
  for (const name of wanted) {
    const gradient = found.get(name);
    back.output(gradient ? back.value(gradient.name) : fullLike(back.value(name), 0));
  }
  return back.build();
}

function sameShape(a: Value, b: Value): boolean {
  return a.type.shape !== undefined && a.type.shape.join() === b.type.shape?.join();
}

function inShapeOf(x: Value, like: Value): Value {
  const { shape } = like.type;
  return reshape(x, isStatic(shape) ? shape : shapeOf(like));
}

export const branchGradients = {
  /** Gradients of the outer values that the branches of an If use. */
  If: (c) => {
    const branches = ['then_branch', 'else_branch'].map((name) =>
      initializersAsConstants(graphAttribute(c.node, name) ?? unsupported(c, `it has no ${name}`)),
    );
    const captured = new Set(branches.flatMap((body) => [...capturedNames(body)]));
    const wanted = [...captured].filter((name) => c.wants(name));
    const [taken, otherwise] = branches.map((body) => backwardBranch(c, body, wanted));
    const results = choose(c.input(0), taken!, otherwise!);
    for (const [i, name] of wanted.entries()) c.addToCaptured(name, results[i]!);
    return [undefined];
  },
} satisfies GradientRules;
