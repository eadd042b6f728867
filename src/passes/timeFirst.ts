import { intAttribute } from '../graph/attributes.ts';
import { inputsFor, isRecurrent } from '../graph/operators.ts';
import type { Model, Node } from '../graph/types.ts';

/** Axes of X and the initial states, and of Y and the final states, from batch-first to time-first and back. */
const SWAP = [1, 0, 2];
const SEQUENCE_BACK = [2, 0, 1, 3];

/**
 * The same model with batch-first recurrent operators (`layout` 1) as time-first ones between Transposes, for engines
 * that know layout 0 only. A model without any is returned as it is.
 */
export function timeFirst(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some(isBatchFirst)) return model;
  const nodes = graph.nodes.flatMap((node) => (isBatchFirst(node) ? turned(node) : [node]));
  return { ...model, graph: { ...graph, nodes } };
}

function isBatchFirst(node: Node): boolean {
  return isRecurrent(node) && intAttribute(node, 'layout', 0) === 1;
}

function turned(node: Node): Node[] {
  const title = node.outputs.find((name) => name !== '') ?? node.name;
  const turns = inputsFor(node, 'data', 'state');
  const before: Node[] = [];
  const inputs = node.inputs.map((name, i) => {
    if (!turns.includes(i)) return name;
    const swapped = `${title}.time_first_${i}`;
    before.push(transpose(name, swapped, SWAP));
    return swapped;
  });
  const after: Node[] = [];
  const outputs = node.outputs.map((name, i) => {
    if (name === '') return name;
    const own = `${name}.time_first`;
    // Y [T, D, B, H] → [B, T, D, H], states [D, B, H] → [B, D, H]
    after.push(transpose(own, name, i === 0 ? SEQUENCE_BACK : SWAP));
    return own;
  });
  return [
    ...before,
    { ...node, inputs, outputs, attributes: { ...node.attributes, layout: { type: 'int', value: 0 } } },
    ...after,
  ];
}

function transpose(from: string, to: string, perm: readonly number[]): Node {
  const attributes = { perm: { type: 'ints', value: perm } } as const;
  return { op: 'Transpose', domain: '', name: to, inputs: [from], outputs: [to], attributes };
}
