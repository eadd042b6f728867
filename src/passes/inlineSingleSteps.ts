import { graphAttribute, intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { squeeze, unsqueeze } from '../graph/ops.ts';
import { initializersAsConstants, renameInputs, rewriteNodes } from '../graph/rewrite.ts';
import type { Graph, Node } from '../graph/types.ts';

/** Puts the body of every Scan over first axes that runs for one step in its place: a recurrent layer of one step is flat. */
export function inlineSingleSteps(graph: Graph): Graph {
  return graph.nodes.some((node) => node.op === 'Scan') ? rewriteNodes(graph, inlineStep) : graph;
}

function inlineStep(b: GraphBuilder, node: Node): boolean {
  const found = node.op === 'Scan' && node.domain === '' ? graphAttribute(node, 'body') : undefined;
  const hasAxes = ['scan_input_axes', 'scan_output_axes'].some((key) => intsAttribute(node, key)?.some((a) => a !== 0));
  const stateCount = node.inputs.length - intAttribute(node, 'num_scan_inputs', 0);
  const scanned = node.inputs.slice(stateCount).map((name) => b.value(name));
  if (found === undefined || hasAxes || !scanned.some((v) => v.type.shape?.[0] === 1)) return false;
  const body = initializersAsConstants(found);
  const names = new Map<string, string>();
  body.inputs.forEach(({ name }, i) => {
    names.set(name, i < stateCount ? node.inputs[i]! : squeeze(scanned[i - stateCount]!, [0]).name);
  });
  for (const inner of body.nodes) {
    const outputs = inner.outputs.map((name) => (name === '' ? '' : b.fresh(name)));
    const copy = { ...renameInputs(inner, names), name: b.fresh(inner.op), outputs };
    if (!inlineStep(b, copy)) b.addNode(copy);
    inner.outputs.forEach((name, i) => {
      if (name !== '') names.set(name, outputs[i]!);
    });
  }
  body.outputs.forEach(({ name }, i) => {
    const output = node.outputs[i];
    if (!output) return;
    const value = b.value(names.get(name) ?? name);
    b.node('Identity', [i < stateCount ? value : unsqueeze(value, [0])], {}, [output]);
  });
  return true;
}
