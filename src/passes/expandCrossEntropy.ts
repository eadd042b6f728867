import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Value } from '../graph/builder.ts';
import { add, gatherElements, log, max, mul, neg, reduceSum, softmax, unsqueeze } from '../graph/ops.ts';
import { removeDeadNodes, replaceWith, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Smallest normal float32, which a probability is at least: so the loss stays finite (at most 87.3 nats). */
const TINY = 1.1754944e-38;

/**
 * Writes a summed SoftmaxCrossEntropyLoss out as −Σ log softmax, and shares its softmax with the gradient, which adds
 * −1 at the labels. That addition is made to depend on the loss: the runtime adds in place, without a copy of all rows
 * and classes, only when nothing else is left to read the softmax.
 */
export function expandCrossEntropy(graph: Graph): Graph {
  let shared: { logits: string; softmax: Value; own: Value } | undefined;
  const aliases = new Set<string>();
  const expanded = rewriteNodes(graph, (b, node) => {
    if (isPlainTotal(node)) {
      const logits = b.value(node.inputs[0]!);
      const p = softmax(logits, 1);
      const own = gatherElements(p, unsqueeze(b.value(node.inputs[1]!), [1]), 1);
      shared = { logits: logits.name, softmax: p, own };
      return replaceWith(b, node, neg(reduceSum(log(max(own, TINY)))));
    }
    if (shared === undefined) return false;
    if (node.op === 'Softmax' && node.inputs[0] === shared.logits) {
      const axis = intAttribute(node, 'axis', -1);
      const overClasses = axis === 1 || axis === 1 - (shared.softmax.type.shape?.length ?? 0);
      if (overClasses) aliases.add(node.outputs[0]!);
      return overClasses ? replaceWith(b, node, shared.softmax) : false;
    }
    if (node.op !== 'ScatterElements' || !aliases.has(node.inputs[0]!)) return false;
    const [indices, updates] = [b.value(node.inputs[1]!), b.value(node.inputs[2]!)];
    if (updates.type.shape?.join() !== shared.own.type.shape?.join()) return false;
    const after = add(updates, mul(shared.own, 0));
    return replaceWith(b, node, b.node(node.op, [shared.softmax, indices, after], node.attributes)[0]!);
  });
  return removeDeadNodes(expanded);
}

/** A summed cross entropy without class weights, ignored labels and second output. */
function isPlainTotal(node: Node): boolean {
  const plain = node.inputs.length === 2 && node.outputs.length === 1 && node.attributes.ignore_index === undefined;
  return node.op === 'SoftmaxCrossEntropyLoss' && plain && stringAttribute(node, 'reduction', 'mean') === 'sum';
}
