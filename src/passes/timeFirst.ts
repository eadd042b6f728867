import { intAttribute } from '../graph/attributes.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { inputsFor, isRecurrent } from '../graph/operators.ts';
import { transpose } from '../graph/ops.ts';
import { rewriteAll } from '../graph/rewrite.ts';
import type { Model, Node } from '../graph/types.ts';

/** Axes of X and the initial states, and of Y and the final states, from batch-first to time-first and back. */
const SWAP = [1, 0, 2];
const SEQUENCE_BACK = [2, 0, 1, 3];

/** The same model with time-first recurrent operators for batch-first ones, which not all engines know. */
export function timeFirst(model: Model): Model {
  const { graph, opsets } = model;
  const turned = rewriteAll(graph, isBatchFirst, turn, { opset: opsets[''] });
  return turned === graph ? model : { ...model, graph: turned };
}

function isBatchFirst(node: Node): boolean {
  return isRecurrent(node) && intAttribute(node, 'layout', 0) === 1;
}

function turn(b: GraphBuilder, node: Node): boolean {
  if (!isBatchFirst(node)) return false;
  const turns = inputsFor(node, 'data', 'state');
  const inputs = node.inputs.map((name, i) => {
    return name !== '' && turns.includes(i) ? transpose(b.value(name), SWAP).name : name;
  });
  const outputs = node.outputs.map((name) => (name === '' ? '' : b.unique(`${name}.time_first`)));
  b.addNode({ ...node, inputs, outputs, attributes: { ...node.attributes, layout: { type: 'int', value: 0 } } });
  node.outputs.forEach((name, i) => {
    // Y [T, D, B, H] → [B, T, D, H], states [D, B, H] → [B, D, H]
    const perm = i === 0 ? SEQUENCE_BACK : SWAP;
    if (name !== '') b.node('Transpose', [b.value(outputs[i]!)], { perm }, [name]);
  });
  return true;
}
