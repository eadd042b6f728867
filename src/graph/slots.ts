import { intAttribute } from './attributes.ts';
import { traits } from './operators.ts';
import type { Node } from './types.ts';

/** The inputs of recurrent layers by place. Each initial state lies where `hidden` is, or behind it. */
export const RECURRENT_INPUT = {
  x: 0,
  weight: 1,
  recurrent: 2,
  bias: 3,
  lengths: 4,
  hidden: 5,
  cell: 6,
  peepholes: 7,
} as const;

/** Where a node takes initial states and gives final ones: places of inputs, and those of the outputs that belong to them. */
export interface StateSlots {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** The states of a recurrent layer or a loop; undefined for any other node. */
export function stateSlots(node: Node): StateSlots | undefined {
  const { recurrent, loop } = traits(node);
  if (recurrent) {
    const places = recurrent.states.map((_, i) => i);
    return { inputs: places.map((i) => RECURRENT_INPUT.hidden + i), outputs: places.map((i) => i + 1) };
  }
  if (loop === undefined) return undefined;
  const count = node.inputs.length - loop.inputsBefore - intAttribute(node, 'num_scan_inputs', 0);
  const outputs = Array.from({ length: Math.max(0, count) }, (_, i) => i);
  return { inputs: outputs.map((i) => i + loop.inputsBefore), outputs };
}
