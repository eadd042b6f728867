import { SlimError } from '../base/errors.ts';
import { stringAttribute } from '../graph/attributes.ts';
import { nodeTitle } from '../graph/names.ts';
import type { Node } from '../graph/types.ts';

/*
 * The directions of ONNX's recurrent operators: a bidirectional one holds both in each of its tensors.
 */

/** What follows the name of a layer that is one direction of a bidirectional operator. */
export const FORWARD = ' (forward)';
export const REVERSE = ' (reverse)';

/** Inputs that hold one part for each direction: W, R, B and the peepholes. */
export const WEIGHT_INPUTS: readonly number[] = [1, 2, 3, 7];
/** Inputs of the initial states, which lie side by side as well. */
export const STATE_INPUTS: readonly number[] = [5, 6];
/** Attributes that list each direction's share. */
export const SHARED_LISTS = ['activations', 'activation_alpha', 'activation_beta'] as const;

/** Whether each direction of a recurrent node goes through the sequence in reverse. Throws a SlimError for a direction that there is not. */
export function directionsOf(node: Node): boolean[] {
  const direction = stringAttribute(node, 'direction', 'forward');
  const known: Readonly<Record<string, boolean[]>> = {
    forward: [false],
    reverse: [true],
    bidirectional: [false, true],
  };
  const found = Object.hasOwn(known, direction) ? known[direction] : undefined;
  if (found) return found;
  throw new SlimError(
    `${node.op} '${node.name}' has direction '${direction}', expected ${Object.keys(known).join(', ')}`,
  );
}

/** True for a recurrent node that reads the sequence in both directions. */
export function isBidirectional(node: Node): boolean {
  return stringAttribute(node, 'direction', 'forward') === 'bidirectional';
}

/** What the directions of a recurrent node are called: the node's name, with the direction if there are two. */
export function directionNames(node: Node): string[] {
  const name = nodeTitle(node);
  return isBidirectional(node) ? [`${name}${FORWARD}`, `${name}${REVERSE}`] : [name];
}
