import { constantTensor } from '../graph/attributes.ts';
import { moves } from '../graph/operators.ts';
import type { Node, Tensor } from '../graph/types.ts';

/** What is known of a value all of whose elements are 1; `dropped` ones went through a Dropout. */
export type Ones = 'ones' | 'dropped';

/**
 * Follows values of ones through a graph, node by node in order: adds to `known` what the outputs of `node` are. Ones
 * behind a Dropout are a mask of variational dropout (Gal and Ghahramani 2016), the same for all steps of a window.
 * Parameters never count, as they may become something else.
 */
export function followOnes(node: Node, known: Map<string, Ones>): void {
  if (node.domain !== '') return;
  const [output] = node.outputs;
  const constant = constantTensor(node);
  if (constant) {
    if (isAllOnes(constant)) known.set(output!, 'ones');
    return;
  }
  const value = node.attributes.value;
  if (node.op === 'ConstantOfShape' && value?.type === 'tensor' && isAllOnes(value.value)) known.set(output!, 'ones');
  const [input, second] = node.inputs.map((name) => known.get(name));
  if (input === undefined) return;
  if (node.op === 'Dropout') known.set(output!, 'dropped');
  else if (node.op === 'Mul' && second) known.set(output!, input === 'dropped' ? input : second);
  else if (moves(node)) for (const name of node.outputs) known.set(name, input);
}

function isAllOnes({ data }: Tensor): boolean {
  return (data instanceof Float32Array || data instanceof Float64Array) && data.every((v) => v === 1);
}
