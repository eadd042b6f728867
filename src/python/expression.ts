import { SlimError } from '../base/errors.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { titleOf } from '../graph/names.ts';
import type { Operands } from './scope.ts';

/** What a node computes, as an expression of Python: a tensor, or a tuple of tensors for several outputs. */
export type Expression = (c: Operands) => string;

/** Throws a SlimError: what the node is like that the framework has no form for here. */
export function refuse({ node, framework }: Operands, why: string): never {
  throw new SlimError(`${titleOf(node)} ${why}, and has no form in ${framework} here`);
}

/** The rank of an input. Throws a SlimError where it is not known. */
export function rankOf(c: Operands, i = 0): number {
  return c.type(i)?.shape?.length ?? refuse(c, `reads ${c.node.inputs[i]}, whose rank is not known`);
}

/** The integers of an input that must be stored; `what` they are, in the plural. Throws a SlimError for others. */
export function fixed(c: Operands, i: number, what: string): number[] {
  return c.ints(i) ?? refuse(c, `has ${what} that are not known before it runs`);
}

/** An axis counted from the front. */
export function axisFromFront(c: Operands, axis: number, rank = axis < 0 ? rankOf(c) : Infinity): number {
  return axis >= 0 ? axis : (normalizeAxis(axis, rank) ?? refuse(c, `has axis ${axis} of ${rank}`));
}
