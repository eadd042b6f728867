import { floatAttribute, intAttribute, stringsAttribute } from '../graph/attributes.ts';
import { operators, type RecurrentNode, type RecurrentOp } from '../graph/operators.ts';
import { RECURRENT_INPUT } from '../graph/slots.ts';
import { sliceTensor } from '../graph/tensors.ts';
import type { Node, Tensor } from '../graph/types.ts';
import { allZero } from '../passes/zeroStates.ts';
import { directionsOf } from '../recurrent/directions.ts';

/*
 * Recurrent nodes and their weights, for frameworks with layers of their own. I input size, H hidden size, G gates,
 * D directions.
 */

type Stored = ReadonlyMap<string, Tensor>;

/** The order of a framework's gates, by their names in the table of operators. */
export type GateOrder = Readonly<Record<RecurrentOp, readonly string[]>>;

/** W [D, GH, I], R [D, GH, H] and B [D, 2GH]. */
export function weightsOf(node: RecurrentNode, stored: Stored) {
  const at = (i: number) => stored.get(node.inputs[i] ?? '');
  const [weight, recurrent] = [at(RECURRENT_INPUT.weight)!, at(RECURRENT_INPUT.recurrent)!];
  return { weight, recurrent, bias: at(RECURRENT_INPUT.bias) };
}

/**
 * One direction's rows of W, R or a half of B with the gates in a framework's order; `part` 1 is the second half of B.
 */
export function gateRows(
  node: RecurrentNode,
  tensor: Tensor,
  { order, hidden, direction, part = 0 }: { order: GateOrder; hidden: number; direction: number; part?: number },
): Tensor {
  const gates: readonly string[] = operators[node.op].recurrent.gates;
  const first = part * gates.length;
  const rows = order[node.op].flatMap((gate) => {
    const start = (first + gates.indexOf(gate)) * hidden;
    return Array.from({ length: hidden }, (_, i) => start + i);
  });
  const { elementType, dims, data } = sliceTensor(tensor, [[direction], rows]);
  return { elementType, dims: dims.slice(1), data };
}

/** What a recurrent node has that no framework's layer has, in words. */
export function whatLayersLack(node: RecurrentNode, stored: Stored): string | undefined {
  const { weight, recurrent, bias, peepholes } = RECURRENT_INPUT;
  const given = [weight, recurrent, bias].filter((i) => (node.inputs[i] ?? '') !== '');
  const places = node.inputs[peepholes] ?? '';
  const peeps = stored.get(places);
  if (given.some((i) => !stored.has(node.inputs[i]!))) return 'has weights that are computed';
  if (places !== '' && !(peeps && allZero(peeps))) return 'has peepholes';
  if (intAttribute(node, 'layout', 0) !== 0) return 'has layout 1';
  if (floatAttribute(node, 'clip', 0) !== 0) return 'clips its gates';
  return intAttribute(node, 'input_forget', 0) !== 0 ? 'couples its input and forget gates' : undefined;
}

/** The activations that a node names, in small letters; undefined where it has the usual ones. */
export function activationNames(node: Node): string[] | undefined {
  const names = stringsAttribute(node, 'activations') ?? [];
  return names.length === 0 ? undefined : names.map((name) => name.toLowerCase());
}

/** True for a layer that reads its sequence from the end alone. */
export function isReverse(node: RecurrentNode): boolean {
  return directionsOf(node).join() === 'true';
}

/** Names of a layer's W, R and B. */
export function storedInputs(node: RecurrentNode): string[] {
  const { weight, recurrent, bias } = RECURRENT_INPUT;
  return [weight, recurrent, bias].map((i) => node.inputs[i] ?? '').filter((name) => name !== '');
}
